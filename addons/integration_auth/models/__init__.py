from . import integration_setup_check
from . import ir_http
from . import ir_model_access
from . import res_config_settings
from . import res_users
