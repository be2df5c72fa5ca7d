import sys

from pymafsam.cli.main import main

sys.exit(main())
