"""Roles: Casbin's links, tenant by tenant, without circles and without chains it would not follow."""

from itertools import pairwise

from policy_kit import row_faults, rules, who

from gateway.model.decision import Verdict
from gateway.policy.grants import MAX_STEPS

ROW = "p, r, role:top, *, *, h/t, call, -, allow\n"


def chain(steps: int) -> str:
    names = ["user:alice", *(f"role:r{number}" for number in range(steps - 1)), "role:top"]
    return "".join(f"g, {low}, {high}, default\n" for low, high in pairwise(names))


def verdict(held, principal):
    return held.decide(principal, "h/t", "call", {}).verdict


def test_roles_of_roles_count(tmp_path):
    assert verdict(rules(tmp_path, ROW + chain(3)), who()) is Verdict.ALLOW


def test_the_longest_chain_allowed_is_one_casbin_follows(tmp_path):
    held = rules(tmp_path, ROW + chain(MAX_STEPS))
    assert verdict(held, who()) is Verdict.ALLOW
    enforcer = held.snapshot.model.enforcer()
    for line in chain(MAX_STEPS + 1).splitlines():
        enforcer.get_role_manager().add_link(*line.split(", ")[1:])
    assert not enforcer.get_role_manager().has_link("user:alice", "role:top", "default")
    assert enforcer.get_role_manager().has_link("role:r0", "role:top", "default")


def test_a_longer_chain_is_a_load_error():
    [fault] = row_faults(chain(MAX_STEPS + 1))
    assert "user:alice has roles 10 steps away" in fault


def test_a_circle_is_a_load_error_that_names_it():
    [fault] = row_faults("g, role:a, role:b, default\ng, role:b, role:c, default\ng, role:c, role:a, default")
    assert "roles in a circle" in fault
    assert all(f"role:{name}" in fault for name in "abc")


def test_a_role_of_itself_is_a_circle():
    [fault] = row_faults("g, role:a, role:a, default")
    assert "policy.csv:1: roles in a circle: role:a → role:a" in fault


def test_the_same_grant_twice_is_a_load_error():
    [fault] = row_faults("g, user:a, role:b, default\ng, user:a, role:b, default")
    assert "policy.csv:2: the same grant stands on line 1 already" in fault


def test_what_looks_like_a_circle_across_tenants_is_none():
    assert row_faults("g, role:a, role:b, north\ng, role:b, role:a, south") == []


def test_a_role_in_one_tenant_is_none_in_another(tmp_path):
    held = rules(tmp_path, ROW + "g, user:alice, role:top, north")
    assert verdict(held, who(tenant="north")) is Verdict.ALLOW
    assert verdict(held, who(tenant="south")) is Verdict.DENY


def test_a_user_called_like_a_role_is_not_the_role(tmp_path):
    held = rules(tmp_path, ROW)
    assert verdict(held, who(user="role:top")) is Verdict.DENY
    assert verdict(held, who(user="top")) is Verdict.DENY


def test_asserted_roles_count_for_that_principal_only_with_or_without_their_kind(tmp_path):
    held = rules(tmp_path, ROW + "g, role:low, role:top, default")
    assert verdict(held, who(roles=("role:top",))) is Verdict.ALLOW
    assert verdict(held, who(roles=("low",))) is Verdict.ALLOW
    assert verdict(held, who()) is Verdict.DENY


def test_an_asserted_role_never_becomes_a_user(tmp_path):
    held = rules(tmp_path, "p, r, user:bob, *, *, h/t, call, -, allow")
    assert verdict(held, who(roles=("user:bob",))) is Verdict.DENY


def test_an_agent_without_a_user_needs_a_row_that_names_it(tmp_path):
    held = rules(tmp_path, ROW + "p, n, agent:night, *, *, h/t, call, -, allow")
    assert verdict(held, who(user=None, agent="night")) is Verdict.ALLOW
    assert verdict(held, who(user=None, agent="day")) is Verdict.DENY
    assert verdict(held, who(user="alice", agent="night")) is Verdict.DENY


def test_names_nobody_wrote_leave_no_trace_in_casbin(tmp_path):
    held = rules(tmp_path, ROW + chain(2))
    for number in range(50):
        verdict(held, who(user=f"stranger{number}", roles=(f"x{number}",), tenant=f"t{number}"))
    assert list(held.snapshot.roles._manager.rm_map) in ([], ["default"])
