"""The gateway as it is, with one number changed: a list must be read after two seconds, not ten."""

from gateway import learner
from gateway.__main__ import main

if __name__ == "__main__":
    learner._LISTING_S = 2.0
    main()
