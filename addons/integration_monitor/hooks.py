"""What is done once, when the addon is installed."""


def post_init_hook(env):
    """Note what became of what retention had removed before the equation was there to say it."""
    env["integration.ledger"]._settle_what_is_gone()
