"""How secrets and identifiers of each format look, from their issuers' documentation, with correct checksums.

In a template {A36} stands for 36 random letters and digits, by `_ALPHABETS`; {Y}{M}{D} is a date.
"""

from __future__ import annotations

import base64
import json
import re
import string
from collections.abc import Callable
from importlib import import_module
from random import Random

_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "a": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + string.digits,
    "L": string.ascii_uppercase,
    "l": string.ascii_lowercase,
    "h": "0123456789abcdef",
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_-",
    "b": string.ascii_letters + string.digits + "+/",
    "z": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "s": string.ascii_letters + string.digits + "!.-_",
}

TOKENS = {
    "openai project": "sk-proj-{w74}T3BlbkFJ{w74}",
    "openai service account": "sk-svcacct-{w60}T3BlbkFJ{w60}",
    "openai old": "sk-{A20}T3BlbkFJ{A20}",
    "anthropic": "sk-ant-api03-{w93}AA",
    "anthropic admin": "sk-ant-admin01-{w93}AA",
    "openrouter": "sk-or-v1-{h64}",
    "deepseek": "sk-{h32}",
    "google api": "AIza{w35}",
    "google oauth secret": "GOCSPX-{w28}",
    "google access": "ya29.a0{w120}",
    "google refresh": "1//0{w60}",
    "hugging face": "hf_{A34}",
    "groq": "gsk_{A52}",
    "xai": "xai-{A80}",
    "perplexity": "pplx-{A48}",
    "replicate": "r8_{A37}",
    "elevenlabs": "sk_{h48}",
    "nvidia": "nvapi-{w64}",
    "langsmith": "lsv2_pt_{h32}_{h10}",
    "databricks": "dapi{h32}",
    "github personal": "ghp_{A36}",
    "github app": "ghs_{A36}",
    "github oauth": "gho_{A36}",
    "github fine-grained": "github_pat_{A22}_{A59}",
    "gitlab personal": "glpat-{w20}",
    "gitlab runner": "glrt-{w20}",
    "gitlab deploy": "gldt-{w20}",
    "bitbucket": "ATBB{A24}{h8}",
    "atlassian": "ATATT3xFfGF0{w168}={h8}",
    "npm": "npm_{A36}",
    "pypi": "pypi-AgEIcHlwaS5vcmc{w120}",
    "rubygems": "rubygems_{h48}",
    "docker": "dckr_pat_{w27}",
    "crates": "cio{A32}",
    "nuget": "oy2{a43}",
    "sonarqube": "squ_{h40}",
    "circleci": "CCIPAT_{A22}_{h40}",
    "buildkite": "bkua_{h40}",
    "pulumi": "pul-{h40}",
    "vault": "hvs.{w90}",
    "terraform": "{A14}.atlasv1.{w67}",
    "doppler": "dp.pt.{A43}",
    "postman": "PMAK-{h24}-{h34}",
    "sentry user": "sntryu_{h64}",
    "grafana service": "glsa_{A32}_{h8}",
    "new relic": "NRAK-{U27}",
    "dynatrace": "dt0c01.{U24}.{U64}",
    "posthog": "phx_{A43}",
    "aws access": "AKIA{z16}",
    "aws session": "ASIA{z16}",
    "aws secret": "aws_secret_access_key = {b40}",
    "digitalocean": "dop_v1_{h64}",
    "heroku": "HRKU-{w58}",
    "fly": "fo1_{w43}",
    "netlify": "nfp_{A36}",
    "supabase": "sbp_{h40}",
    "planetscale": "pscale_tkn_{w43}",
    "alibaba": "LTAI{A20}",
    "tencent": "AKID{A32}",
    "yandex": "AQVN{w36}",
    "tailscale": "tskey-auth-{A12}CNTRL-{A32}",
    "azure storage": "AccountName=store;AccountKey={b86}==;EndpointSuffix=core.windows.net",
    "azure client secret": "{A3}8Q~{w34}",
    "azure signature": "https://store.blob.core.windows.net/c?sv=2022-11-02&se=2026-01-01&sig={A42}%3D",
    "stripe live": "sk_live_{A24}",
    "stripe restricted": "rk_live_{A99}",
    "stripe webhook": "whsec_{A32}",
    "square": "sq0atp-{w22}",
    "paypal": "access_token$production${a16}${h32}",
    "shopify": "shpat_{h32}",
    "razorpay": "rzp_live_{A14}",
    "mollie": "live_{A30}",
    "flutterwave": "FLWSECK-{h32}-X",
    "plaid": "access-production-{h8}-{h4}-{h4}-{h4}-{h12}",
    "easypost": "EZAK{A54}",
    "slack bot": "xoxb-{d12}-{d13}-{A24}",
    "slack user": "xoxp-{d12}-{d12}-{d13}-{h32}",
    "slack app": "xapp-1-A{U10}-{d13}-{h64}",
    "slack webhook": "https://hooks.slack.com/services/T{U10}/B{U10}/{A24}",
    "discord bot": "MTA{A23}.{w6}.{w38}",
    "discord webhook": "https://discord.com/api/webhooks/{d19}/{w68}",
    "telegram": "{d10}:AA{w33}",
    "sendgrid": "SG.{w22}.{w43}",
    "mailgun": "key-{h32}",
    "mailchimp": "{h32}-us{d2}",
    "brevo": "xkeysib-{h64}-{A16}",
    "resend": "re_{A8}_{A24}",
    "twilio": "SK{h32}",
    "hubspot": "pat-na1-{h8}-{h4}-{h4}-{h4}-{h12}",
    "notion": "ntn_{A46}",
    "linear": "lin_api_{A40}",
    "airtable": "pat{A14}.{h64}",
    "figma": "figd_{w40}",
    "facebook": "EAAC{A150}",
    "dropbox": "sl.u.{w140}",
    "age": "AGE-SECRET-KEY-1{z58}",
    "okta": "Authorization: SSWS 00{w40}",
    "basic credentials": "Authorization: Basic {A27}=",
    "bearer": "Authorization: Bearer {A43}",
    "generic hex key": "DD_API_KEY={h32}",
    "generic json key": '"apiKey": "{A40}"',
    "generic yaml token": "auth_token: {A32}",
    "generic password": "DB_PASSWORD={A24}",
    "postgres": "postgresql://app:{s16}@db.internal:5432/shop",
    "mongodb": "mongodb+srv://reader:{A20}@cluster0.mongodb.net/test",
    "redis": "redis://:{A24}@cache:6379/0",
    "amqp": "amqp://svc:{A12}@rabbit.prod.lan:5672/",
    "ado": "Server=tcp:sql.corp.example,1433;Database=hr;User ID=sa;Password={s14};Encrypt=True",
    "git remote": "https://deploy:{A20}@git.corp.example/app.git",
    "wireguard": "PrivateKey = {b43}=",
}

# module of python-stdnum, templates of how the number is written; where its bearer must be told, that stands before it
NUMBERS = {
    "us ssn": ("us.ssn", "{d3}-{d2}-{d4}"),
    "us ssn plain": ("us.ssn", "SSN: {d9}"),
    "uk nhs": ("gb.nhs", "NHS number {d3} {d3} {d4}"),
    "german idnr": ("de.idnr", "{d2} {d3} {d3} {d3}"),
    "french nir": ("fr.nir", "1{Y}{M}75{d6}{d2}"),
    "french nir spaced": ("fr.nir", "2 {Y} {M} 69 {d3} {d3} {d2}"),
    "spanish dni": ("es.dni", "{d8}{L1}"),
    "spanish nie": ("es.nie", "X{d7}{L1}"),
    "portuguese nif": ("pt.nif", "NIF {d9}"),
    "dutch bsn": ("nl.bsn", "BSN: {d9}"),
    "belgian nn": ("be.nn", "{Y}.{M}.{D}-{d3}.{d2}"),
    "belgian nn plain": ("be.nn", "{Y}{M}{D}{d5}"),
    "irish pps": ("ie.pps", "{d7}{L1}"),
    "swiss ahv": ("ch.ssn", "756.{d4}.{d4}.{d2}"),
    "danish cpr": ("dk.cpr", "{D}{M}{Y}-{d4}"),
    "swedish": ("se.personnummer", "{Y}{M}{D}-{d4}"),
    "norwegian": ("no.fodselsnummer", "{D}{M}{Y}{d5}"),
    "finnish": ("fi.hetu", "{D}{M}{Y}-{d3}{L1}"),
    "polish pesel": ("pl.pesel", "{Y}{M}{D}{d5}"),
    "czech": ("cz.rc", "{Y}{M}{D}/{d4}"),
    "romanian": ("ro.cnp", "1{Y}{M}{D}{d6}"),
    "croatian oib": ("hr.oib", "OIB: {d11}"),
    "turkish": ("tr.tckimlik", "{d11}"),
    "south african": ("za.idnr", "{Y}{M}{D}{d4}08{d1}"),
    "indian aadhaar": ("in_.aadhaar", "{d4} {d4} {d4}"),
    "chinese": ("cn.ric", "11010519{Y}{M}{D}{d4}"),
    "korean": ("kr.rrn", "{Y}{M}{D}-{d7}"),
    "australian tfn": ("au.tfn", "TFN {d3} {d3} {d3}"),
    "canadian sin": ("ca.sin", "SIN {d3}-{d3}-{d3}"),
    "brazilian cpf": ("br.cpf", "{d3}.{d3}.{d3}-{d2}"),
    "argentinian cuit": ("ar.cuit", "20-{d8}-{d1}"),
    "chilean rut": ("cl.rut", "{d2}.{d3}.{d3}-{d1}"),
    "visa": ("luhn", "4{d15}"),
    "visa grouped": ("luhn", "4{d3} {d4} {d4} {d4}"),
    "mastercard": ("luhn", "53{d2}-{d4}-{d4}-{d4}"),
    "mastercard new": ("luhn", "2345{d12}"),
    "amex": ("luhn", "37{d2} {d6} {d5}"),
    "discover": ("luhn", "6011 {d4} {d4} {d4}"),
    "diners": ("luhn", "36{d12}"),
    "jcb": ("luhn", "3540{d12}"),
    "iban de": ("iban", "DE{d2}{d8}{d10}"),
    "iban gb": ("iban", "GB{d2} WEST {d4} {d4} {d4} {d2}"),
    "iban fr": ("iban", "FR{d2}20041{d5}{d13}"),
    "iban nl": ("iban", "NL{d2}ABNA{d10}"),
    "iban es": ("iban", "ES{d2} 2100 {d4} {d4} {d4} {d4}"),
}

EMAILS = {
    "email": "{l6}.{l8}@{l9}.com",
    "email with tag": "{l5}+{l4}@mail.{l7}.co.uk",
    "email in brackets": "<{l7}@{l8}.org>",
    "email of a company": "{l1}{l8}{d2}@{l6}-{l4}.io",
}


def filled(template: str, rng: Random) -> str:
    def piece(match: re.Match[str]) -> str:
        if match[1] in "YMD":
            return f"{rng.randint(*{'Y': (60, 99), 'M': (1, 12), 'D': (1, 28)}[match[1]]):02}"
        return "".join(rng.choices(_ALPHABETS[match[1]], k=int(match[2])))

    return re.sub(r"\{([A-Za-z])(\d*)\}", piece, template)


def checked(module: str, template: str, rng: Random) -> str:
    """One that is valid, by trying; the words before the number are no part of what is checked."""
    is_valid: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid
    while True:
        text = filled(template, rng)
        number = re.sub(r"^(?:[A-Z]+(?: number|:)+ |[A-Z]{3} )", "", text)
        if is_valid(number.replace(" ", "").replace("-", "") if module == "luhn" else number):
            return text


def private_key(rng: Random, label: str, characters: int) -> str:
    body = base64.b64encode(rng.randbytes(characters * 3 // 4)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----"


def jwt(rng: Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"sub": str(rng.randrange(10**9)), "name": filled("{l8}", rng), "iat": rng.randrange(10**9, 2 * 10**9)}
    signature = base64.urlsafe_b64encode(rng.randbytes(32)).decode().rstrip("=")
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{signature}"


Make = Callable[[Random], str]


def formats() -> dict[str, Make]:
    """By name, what makes one."""
    made: dict[str, Make] = {name: lambda rng, t=t: filled(t, rng) for name, t in {**TOKENS, **EMAILS}.items()}
    made |= {name: lambda rng, n=number: checked(*n, rng) for name, number in NUMBERS.items()}
    keys = {"rsa": "RSA PRIVATE KEY", "pkcs8": "PRIVATE KEY", "openssh": "OPENSSH PRIVATE KEY", "ec": "EC PRIVATE KEY"}
    made |= {f"private key {name}": lambda rng, k=key: private_key(rng, k, 800) for name, key in keys.items()}
    made["private key pgp"] = lambda rng: private_key(rng, "PGP PRIVATE KEY BLOCK", 1200)
    return made | {"jwt": jwt}
