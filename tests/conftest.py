"""Hypothesis for the whole suite: no deadlines, because a loaded machine is no failure; `deep` looks further."""

from hypothesis import settings

settings.register_profile("quick", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=1_000)
settings.load_profile("quick")
