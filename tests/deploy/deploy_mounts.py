"""A pod's volumes as the kubelet makes them on disk, so that a real gateway can be started on what the chart renders."""

import itertools
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy_kit import Rendered

_NUMBERS = itertools.count()


def write_volume(folder: Path, data: Mapping[str, str]) -> None:
    """Makes or swaps the volume of a ConfigMap: every file is a link through `..data`, which alone is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    now = f"..2026_11_21_{next(_NUMBERS)}"
    (folder / now).mkdir()
    for name, text in data.items():
        (folder / now / name).write_text(text, encoding="utf-8")
    before = (folder / "..data").readlink() if (folder / "..data").is_symlink() else None
    (folder / "..data_tmp").symlink_to(now)
    (folder / "..data_tmp").rename(folder / "..data")
    for name in data:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    if before is not None:
        shutil.rmtree(folder / before)


def folders(rendered: Rendered, root: Path) -> dict[str, Path]:
    """Where each volume of the gateway's container lies below `root`, by the volume's name."""
    return {mount["name"]: root / mount["mountPath"].lstrip("/") for mount in rendered.gateway()["volumeMounts"]}


def mounted(rendered: Rendered, root: Path, *, seen_from: Path) -> Path:
    """Makes every volume below `root`; gives the path of config.yaml there.

    `seen_from` is what the process sees in place of `/`: `root` itself, or `/` where it runs in the image.
    """
    where = folders(rendered, root)
    for name, folder in where.items():
        (source,) = _sources(rendered, name)
        if "configMap" in source:
            data = rendered.one("ConfigMap", source["configMap"]["name"])["data"]
            write_volume(folder, {file: _moved(text, seen_from) for file, text in data.items()})
        elif "secret" in source:
            write_volume(folder, {item["path"]: secrets.token_hex(32) for item in source["secret"]["items"]})
        else:
            folder.mkdir(parents=True)
    return where["sallyport-config"] / "config.yaml"


def _sources(rendered: Rendered, name: str) -> list[dict[str, dict]]:
    volumes = {volume["name"]: volume for volume in rendered.pod()["volumes"]}
    return volumes.get(name, {}).get("projected", {}).get("sources", [{}])


def _moved(text: str, root: Path) -> str:
    for top in ("etc/sallyport", "var/lib/sallyport"):
        text = text.replace(f" /{top}", f" {root / top}")
    return text
