#!/usr/bin/env python3
"""Start Odoo as its own ``odoo-bin`` does.

A file is needed: with ``workers`` Odoo starts further processes by running ``sys.argv[0]`` again.
"""

import odoo.cli

if __name__ == "__main__":
    odoo.cli.main()
