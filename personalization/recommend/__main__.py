"""``python -m personalization.recommend``: see `command_line`."""

import sys

from personalization.recommend.command_line import main

if __name__ == "__main__":
    sys.exit(main())
