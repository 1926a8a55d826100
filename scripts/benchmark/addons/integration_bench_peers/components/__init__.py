from . import binder
