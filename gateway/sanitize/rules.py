r"""The secrets the room knows by their form: one row each.

Lives only here: the patterns, in google-re2's syntax (linear time), and what must occur in a text before a pattern is
tried: `anchors` are literals in lower case, `probe` is a cheap pattern for forms that have no literal. Must not know how
matches are replaced. Group 1 is the secret. Read by `secrets.py` alone.

No pattern takes in a quotation mark, and none ends inside an escape sequence: a JSON text stays one. A pattern begins at
a word's edge, where `\n` written as two characters is an edge too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.sanitize import checks
from gateway.sanitize.checks import Match


@dataclass(frozen=True, slots=True)
class Rule:
    """One form of secret."""

    type: str
    """What the redaction token says."""
    pattern: str
    anchors: tuple[str, ...] = ()
    probe: str = ""
    check: Callable[[Match], int | None] | None = None


_EDGE: Final = r"(?:\b|\\[nrtbf])"
_QUOTES: Final = r"""(?:\\{0,4}["'`]){0,2}"""
_SETS: Final = r"\s{0,4}(?:=>|:=|[:=])\s{0,4}"
_VALUE: Final = r"""([^\s"'`,;<>{}()\[\]\\&|:=][^\s"'`,;<>{}()\[\]\\&|]{7,})"""
_KEYWORD: Final = (
    r"(?i:passw(?:or)?d|passphrase|passcode|pwd|secret|token|(?:api|access|secret|private|auth|account|signing|encryption|master"
    r"|license)[ _-]?key|credentials?|auth|pass)"
)
# A body stops at two hyphens: a search never runs past the next block, however many there are.
_PEM_BODY: Final = r"(?:-?[A-Za-z0-9+/=\s:,.()]|\\{1,4}[nrt])*?"
_PEM_REST: Final = r"(?:(?:\s|\\{1,4}[nrt])*[A-Za-z0-9+/=]{20,})+"
_PRIVATE_KEY: Final = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"


def _prefixed(type_: str, form: str, *anchors: str) -> Rule:
    """A token that announces itself by a prefix no other text has."""
    return Rule(type_, f"{_EDGE}({form})", anchors)


def _shaped(type_: str, form: str) -> Rule:
    """A token whose prefix is too common to search for alone."""
    return Rule(type_, f"{_EDGE}({form})\\b", probe=form)


RULES: Final = (
    # A private key block, or what is left of one that was cut.
    Rule(
        "private-key",
        f"(-----BEGIN {_PRIVATE_KEY}(?:{_PEM_BODY}-----END {_PRIVATE_KEY}|{_PEM_REST}))",
        ("private key",),
        check=checks.key_block,
    ),
    Rule("private-key", _EDGE + r"(LS0tLS1CRUdJTi[A-Za-z0-9+/=]{40,})", ("ls0tls1crudjti",), check=checks.wrapped_key),
    _prefixed("age-key", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}", "age-secret-key-1"),
    # Clouds
    Rule(
        "aws-access-key",
        _EDGE + r"((?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})\b",
        probe="(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
        check=checks.sample,
    ),
    Rule(
        "aws-secret-key",
        rf"(?i)aws[\w. -]{{0,30}}(?:secret|key)[\w. -]{{0,20}}{_QUOTES}{_SETS}{_QUOTES}([A-Za-z0-9/+]{{40}})\b",
        ("aws",),
    ),
    _prefixed("google-api-key", r"AIza[0-9A-Za-z_-]{35}", "aiza"),
    _prefixed("google-oauth", r"(?:ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{24,})", "ya29.", "gocspx-"),
    Rule("azure-storage-key", r"(?i)(?:account|shared|access)key=([A-Za-z0-9+/]{43,88}={0,2})", ("accountkey=", "sharedkey=", "accesskey=")),
    _prefixed("azure-client-secret", r"[A-Za-z0-9_~.]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}", "8q~", "7q~"),
    _prefixed("alibaba-key", r"LTAI[A-Za-z0-9]{12,26}", "ltai"),
    _prefixed("tencent-key", r"AKID[A-Za-z0-9]{20,40}", "akid"),
    _prefixed("digitalocean-token", r"do[opr]_v1_[a-f0-9]{64}", "_v1_"),
    _prefixed("cloudflare-key", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}", "v1.0-"),
    _prefixed("flyio-token", r"(?:fo1_[\w-]{40,}|fm[12][ar]?_[A-Za-z0-9+/=]{80,})", "fo1_", "fm1_", "fm2_", "fm1a_", "fm1r_"),
    _prefixed("heroku-key", r"HRKU-[A-Za-z0-9_-]{30,}", "hrku-"),
    # Code and its delivery
    _prefixed("github-token", r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    _prefixed("gitlab-token", r"(?:gl(?:pat|dt|ft|soat|rt|cbt|ptt|agent|imt|oas|ffct)|GR1348941)-?[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2}\.[0-9a-z]+)?", "glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "glcbt-", "glptt-", "glagent-", "glimt-", "gloas-", "glffct-", "gr1348941"),
    _prefixed("npm-token", r"npm_[A-Za-z0-9]{36}", "npm_"),
    _prefixed("pypi-token", r"pypi-AgE[A-Za-z0-9_-]{50,}", "pypi-age"),
    _prefixed("rubygems-key", r"rubygems_[a-f0-9]{48}", "rubygems_"),
    _prefixed("docker-token", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}", "dckr_"),
    Rule("artifactory-key", r"""(?:^|[\s=:"',]|\\[nrt])((?:AKC|AP[0-9])[A-Za-z0-9]{8,})""", probe="AKC[A-Za-z0-9]{8}|AP[0-9][A-Za-z0-9]{8}"),
    _prefixed("atlassian-token", r"AT(?:ATT|CTT)3[A-Za-z0-9_=-]{50,}", "atatt3", "atctt3"),
    _prefixed("pulumi-token", r"pul-[a-f0-9]{40}", "pul-"),
    _prefixed("terraform-token", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}", ".atlasv1."),
    _prefixed("vault-token", r"hv[sbr]\.[A-Za-z0-9_-]{24,}", "hvs.", "hvb.", "hvr."),
    _prefixed("doppler-token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,}", "dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."),
    _prefixed("sentry-token", r"sntry[su]_[A-Za-z0-9_=+/-]{40,}", "sntrys_", "sntryu_"),
    _prefixed("grafana-token", r"gl(?:c_[A-Za-z0-9+/]{32,}={0,2}|sa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})", "glc_", "glsa_"),
    _prefixed("newrelic-key", r"NR(?:AK|II|JS|AL)-[A-Za-z0-9_-]{19,}", "nrak-", "nrii-", "nrjs-", "nral-"),
    _prefixed("dynatrace-token", r"dt0[a-zA-Z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}", "dt0"),
    _prefixed("postman-key", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}", "pmak-"),
    # Data and models
    _prefixed("anthropic-key", r"sk-ant-[A-Za-z0-9_-]{20,}", "sk-ant-"),
    Rule("openai-key", _EDGE + r"(sk-[A-Za-z0-9_-]{20,})", probe="sk-[A-Za-z0-9_-]{20}", check=checks.random),
    _prefixed("huggingface-token", r"(?:hf|api_org)_[A-Za-z0-9]{34,}", "hf_", "api_org_"),
    _prefixed("model-api-key", r"(?:gsk_[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{60,})", "gsk_", "r8_", "pplx-", "xai-"),
    _prefixed("databricks-token", r"dapi[a-f0-9]{32}(?:-\d)?", "dapi"),
    _prefixed("planetscale-token", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{32,}", "pscale_"),
    _prefixed("supabase-key", r"(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,})", "sbp_", "sb_secret_"),
    _shaped("airtable-token", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    # Money, shops, messages
    _prefixed("stripe-key", r"(?:[rs]k_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[A-Za-z0-9+/=]{24,})", "k_live_", "k_test_", "whsec_"),
    _prefixed("square-token", r"sq0(?:atp|csp|idp)-[0-9A-Za-z_-]{22,}", "sq0"),
    _prefixed("shopify-token", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", "shpat_", "shpca_", "shppa_", "shpss_"),
    _prefixed("shippo-token", r"shippo_(?:live|test)_[a-f0-9]{40}", "shippo_"),
    _prefixed("easypost-key", r"EZ[AT]K[A-Za-z0-9]{54}", "ezak", "eztk"),
    _prefixed("slack-token", r"(?:xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,})", "xox", "xapp-"),
    Rule("slack-webhook", r"(https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,})", ("hooks.slack.com",)),
    Rule("discord-token", _EDGE + r"([MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40})", probe=r"[A-Za-z0-9_-]\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}"),
    Rule("discord-webhook", r"(https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]{60,})", ("/api/webhooks/",)),
    Rule("telegram-token", r"(?:\b|bot|\\[nrt])(\d{8,10}:[A-Za-z0-9_-]{35})\b", probe=r"\d{8}:[A-Za-z0-9_-]{35}"),
    _shaped("twilio-key", r"(?:AC|SK)[0-9a-z]{32}"),
    _shaped("sendgrid-key", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    _prefixed("brevo-key", r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}", "xkeysib-"),
    Rule("mailchimp-key", _EDGE + r"([0-9a-f]{32}-us\d{1,2})\b", probe=r"[0-9a-f]{8}-us\d"),
    _shaped("mailgun-key", r"key-[0-9a-f]{32}"),
    _prefixed("meta-token", r"EAA[A-Za-z0-9]{80,}", "eaa"),
    _prefixed("twitter-token", r"A{20,}[A-Za-z0-9]{4,}%[A-Za-z0-9%]{20,}", "a" * 20),
    # Work
    _prefixed("linear-key", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}", "lin_api_", "lin_oauth_"),
    _shaped("notion-token", r"(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})"),
    _prefixed("figma-token", r"fig[dour]_[A-Za-z0-9_-]{36,}", "figd_", "figo_", "figu_", "figr_"),
    _shaped("dropbox-token", r"sl\.(?:u\.)?[A-Za-z0-9_-]{100,}"),
    _prefixed("mapbox-token", r"[sp]k\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{16,}", "k.eyj"),
    _prefixed("contentful-token", r"CFPAT-[A-Za-z0-9_-]{43}", "cfpat-"),
    # Standards
    _prefixed("jwt", r"eyJ[A-Za-z0-9_-]{12,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?", "eyj"),
    Rule(
        "authorization",
        rf"(?i)authorization{_QUOTES}{_SETS}{_QUOTES}(?:(?:basic|bearer|token|negotiate|apikey|bot)\s+)?([A-Za-z0-9._~+/=:-]{{8,}})",
        ("authorization",),
        check=checks.credential,
    ),
    Rule("bearer", r"(?i)\bbearer\s+([A-Za-z0-9._~+/-]{16,}=*)", ("bearer",), check=checks.random),
    Rule("cookie", r"(?i)cookie\s{0,2}:\s{0,2}[\w.-]+=([A-Za-z0-9%._~+/-]{16,}=*)", ("cookie",), check=checks.random),
    Rule(
        "dsn-password",
        r"""[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@"'`\\<>]*:([^\s/@"'`\\<>]+)@""",
        probe=r"""://[^\s:/@"'`\\<>]*:[^\s/@"'`\\<>]+@""",
        check=checks.password,
    ),
    Rule(
        "url-credential",
        r"""(?i)[?&](?:key|sig|signature|auth|code|x-amz-signature|x-goog-signature|x-amz-security-token)=([^\s&"'#<>\\`)]{12,})""",
        probe=r"(?i:[?&](?:key|sig|signature|auth|code|x-(?:amz|goog)-[a-z-]+)=)",
        check=checks.random,
    ),
    # Numbers of people
    Rule("card", r"(\d(?:[ -]?\d){12,18})", probe=r"\d(?:[ -]?\d){12}", check=checks.card),
    Rule("iban", _EDGE + r"([A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30})", probe=r"[A-Z]{2}\d{2} ?[A-Z0-9]{4} ?[A-Z0-9]{3}", check=checks.iban),
    Rule("us-ssn", r"(\d{3}-\d{2}-\d{4})", probe=r"\d{3}-\d{2}-\d{4}", check=checks.ssn),
    Rule("us-ssn", r"(?i)(?:(?:\b|\\[nrt])ssn|social security)\D{0,20}(\d{3} ?\d{2} ?\d{4})", probe="(?i:ssn|social security)[^0-9]{0,20}[0-9]{3}", check=checks.ssn),
    # Last: a value that looks random under a name that tells.
    Rule(
        "secret",
        rf"[\w.-]*{_KEYWORD}{_QUOTES}\]?{_SETS}{_QUOTES}{_VALUE}",
        probe=rf"{_KEYWORD}{_QUOTES}\]?{_SETS}",
        check=checks.named,
    ),
)  # fmt: skip
"""In order of precedence: of two rules that find the same span, the earlier names it."""
