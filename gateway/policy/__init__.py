"""What the acting user may do: Casbin's files, read strictly, compiled once, answered in microseconds.

Lives only here: model.conf, policy.csv and conditions.yaml, and the verdict they give. Must not know MCP, catalog,
ledger or who is asking for the verdict. `rules.Rules` is the room's one face (`ports.Policy`); `app.py` constructs it.
The only room that imports `casbin` and the CEL library.
"""
