"""One sample or more for each kind of secret: (what stands before it, the secret, what stands after it).

Put together from parts when the tests run, so that no file of the repository holds anything that looks like a secret.
"""

import base64
import random
import string

_DICE = random.Random(20)
_HEX, _UPPER, _ALL = "0123456789abcdef", string.ascii_uppercase + string.digits, string.ascii_letters + string.digits


def _some(count, alphabet=_ALL):
    """A letter, a digit, then anything: long enough samples look random."""
    return "".join(_DICE.choice(alphabet) for _ in range(count))


def _jwt():
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890"}', b"0" * 32))  # fmt: skip


_KEY_BLOCK = "-----BEGIN EC " + "PRIVATE KEY-----\\n" + _some(64) + "\\n" + _some(30) + "==\\n-----END EC " + "PRIVATE KEY-----"  # fmt: skip

SAMPLES = {
    "private-key": [("", _KEY_BLOCK, ""), ("", base64.b64encode(_KEY_BLOCK.encode()).decode().rstrip("="), "")],
    "age-key": [("", "AGE-SECRET-KEY-1" + _some(58, _UPPER), "")],
    "aws-access-key": [("", "AKIA" + _some(16, _UPPER), "")],
    "aws-secret-key": [("aws_secret_access_key = ", _some(40), "")],
    "google-api-key": [("", "AIza" + _some(35), "")],
    "google-oauth": [("", "ya29." + _some(40), ""), ("", "GOCSPX-" + _some(28), "")],
    "azure-storage-key": [("EndpointSuffix=x;AccountKey=", _some(86) + "==", "")],
    "azure-client-secret": [("", _some(3) + "8Q~" + _some(34), "")],
    "alibaba-key": [("", "LTAI" + _some(20), "")],
    "tencent-key": [("", "AKID" + _some(32), "")],
    "digitalocean-token": [("", "dop_v1_" + _some(64, _HEX), "")],
    "cloudflare-key": [("", "v1.0-" + _some(24, _HEX) + "-" + _some(146, _HEX), "")],
    "flyio-token": [("", "fo1_" + _some(43), "")],
    "heroku-key": [("", "HRKU-" + _some(60), "")],
    "github-token": [("", "ghp_" + _some(36), ""), ("", "github_pat_" + _some(82), "")],
    "gitlab-token": [("", "glpat-" + _some(20), "")],
    "npm-token": [("", "npm_" + _some(36), "")],
    "pypi-token": [("", "pypi-AgE" + _some(80), "")],
    "rubygems-key": [("", "rubygems_" + _some(48, _HEX), "")],
    "docker-token": [("", "dckr_pat_" + _some(27), "")],
    "artifactory-key": [(" ", "AKCp" + _some(69), "")],
    "atlassian-token": [("", "ATATT3" + _some(180), "")],
    "pulumi-token": [("", "pul-" + _some(40, _HEX), "")],
    "terraform-token": [("", _some(14) + ".atlasv1." + _some(67), "")],
    "vault-token": [("", "hvs." + _some(90), "")],
    "doppler-token": [("", "dp.pt." + _some(43), "")],
    "sentry-token": [("", "sntrys_" + _some(80), "")],
    "grafana-token": [("", "glsa_" + _some(32) + "_" + _some(8, _HEX), "")],
    "newrelic-key": [("", "NRAK-" + _some(27, _UPPER), "")],
    "dynatrace-token": [("", "dt0c01." + _some(24, _UPPER) + "." + _some(64, _UPPER), "")],
    "postman-key": [("", "PMAK-" + _some(24, _HEX) + "-" + _some(34, _HEX), "")],
    "anthropic-key": [("", "sk-ant-" + "api03-" + _some(90), "")],
    "openai-key": [("", "sk-" + "proj-" + _some(48), ""), ("", "sk-" + _some(48), "")],
    "huggingface-token": [("", "hf_" + _some(34), "")],
    "model-api-key": [("", "gsk_" + _some(52), "")],
    "databricks-token": [("", "dapi" + _some(32, _HEX), "")],
    "planetscale-token": [("", "pscale_tkn_" + _some(43), "")],
    "supabase-key": [("", "sbp_" + _some(40, _HEX), "")],
    "airtable-token": [("", "pat" + _some(14) + "." + _some(64, _HEX), "")],
    "stripe-key": [("", "sk_live_" + _some(24), ""), ("", "whsec_" + _some(32), "")],
    "square-token": [("", "sq0csp-" + _some(43), "")],
    "shopify-token": [("", "shpat_" + _some(32, _HEX), "")],
    "shippo-token": [("", "shippo_live_" + _some(40, _HEX), "")],
    "easypost-key": [("", "EZAK" + _some(54), "")],
    "slack-token": [("", "xoxb-" + _some(12, "0123456789") + "-" + _some(24), "")],
    "slack-webhook": [("", "https://hooks.slack.com/services/T" + _some(8) + "/B" + _some(8) + "/" + _some(24), "")],
    "discord-token": [("", "MT" + _some(22) + "." + _some(6) + "." + _some(38), "")],
    "discord-webhook": [("", "https://discord.com/api/webhooks/" + _some(18, "123456789") + "/" + _some(68), "")],
    "telegram-token": [("", _some(9, "123456789") + ":AA" + _some(33), "")],
    "twilio-key": [("", "SK" + _some(32, _HEX), "")],
    "sendgrid-key": [("", "SG." + _some(22) + "." + _some(43), "")],
    "brevo-key": [("", "xkeysib-" + _some(64, _HEX) + "-" + _some(16), "")],
    "mailchimp-key": [("", _some(32, _HEX) + "-us12", "")],
    "mailgun-key": [("", "key-" + _some(32, _HEX), "")],
    "meta-token": [("", "EAA" + _some(120), "")],
    "twitter-token": [("", "A" * 22 + _some(30) + "%2B" + _some(40), "")],
    "linear-key": [("", "lin_api_" + _some(40), "")],
    "notion-token": [("", "ntn_" + _some(46), "")],
    "figma-token": [("", "figd_" + _some(40), "")],
    "dropbox-token": [("", "sl.u." + _some(130), "")],
    "mapbox-token": [("", "sk.eyJ" + _some(60) + "." + _some(22), "")],
    "contentful-token": [("", "CFPAT-" + _some(43), "")],
    "jwt": [("", _jwt(), "")],
    "authorization": [("Authorization: Basic ", base64.b64encode(b"anna:correct horse").decode(), "")],
    "bearer": [("sent as bearer ", _some(40), "")],
    "cookie": [("Cookie: session=", _some(40), "")],
    "dsn-password": [("postgresql://app:", "Tr0ub4dor&3", "@db.example:5432/app")],
    "url-credential": [("https://blob.example/f?sp=r&sig=", _some(43), "")],
    "card": [("", "4111 1111" + " 1111 1111", ""), ("", "3782822" + "46310005", "")],
    "iban": [("", "DE89 3704 0044" + " 0532 0130 00", ""), ("", "GB82WEST" + "12345698765432", " THE")],
    "us-ssn": [("", "219-09" + "-4321", ""), ("SSN: ", "21909" + "4321", "")],
    "secret": [("db_password: ", "S0mmer!2024", ""), ("API_KEY=", _some(32), ""), ("x-api-token: ", _some(20), "")],
}
