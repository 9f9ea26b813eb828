# SPDX-License-Identifier: Apache-2.0
"""Fetches the image's Debian packages with apt, unpacks them, and says what they are (SPDX, licences)."""
import hashlib
import json
import pathlib
import re
import subprocess

from parts.tell import Trouble, Unreachable, run


def read_list(path):
    """packages.txt: (wanted, dropped), both in the file's order."""
    wanted, dropped = [], []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3 or words[0] not in ("root", "drop"):
            raise Trouble(f"{path}:{number}: expected 'root NAME WHY' or 'drop NAME WHY'")
        (wanted if words[0] == "root" else dropped).append(words[1])
    return wanted, dropped


class Apt:
    """apt with folders of its own, for arm64, so that nothing of this machine's set-up changes and no root is needed. `kind`:
    "deb" for packages, "deb-src" for what they are made of."""

    def __init__(self, folder, kind="deb"):
        self.folder = folder
        self.kind = kind
        self.debs = folder / "debs"
        for name in ("state/lists/partial", "debs/partial", "cache"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "sources.list").write_text("".join(self._sources(kind)))
        options = {
            "APT::Architecture": "arm64", "APT::Architectures": "arm64", "APT::Install-Recommends": "0",
            "Acquire::Languages": "none", "APT::Sandbox::User": "", "Debug::NoLocking": "1",
            "Dir::State": folder / "state", "Dir::State::lists": folder / "state/lists", "Dir::State::status": "/dev/null",
            "Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "-", "Dir::Etc::parts": "-",
            "Dir::Etc::preferencesparts": "-", "Dir::Cache": folder / "cache", "Dir::Cache::archives": self.debs,
            "pkgCacheGen::Essential": "none",
        }
        for line in run(["apt-config", "dump"], "apt-config").splitlines():
            match = re.fullmatch(r'(Acquire::https?::Proxy\S*) "(.+)";', line)
            if match:  # the way out of this machine is the machine's own
                options[match[1]] = match[2]
        self.options = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]

    @staticmethod
    def _sources(kind):
        """This machine's own mirror of Debian, with what the real boards' firmware needs added."""
        lines = []
        for path in sorted(pathlib.Path("/etc/apt").glob("sources.list")) + \
                sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*")):
            text = path.read_text(errors="replace")
            if path.suffix == ".sources":
                for part in text.split("\n\n"):
                    field = dict(re.findall(r"^([A-Za-z-]+):\s*(.*)$", part, re.M))
                    if "bookworm" in field.get("Suites", "") and "deb" in field.get("Types", "").split():
                        lines += [(uri, suite) for uri in field["URIs"].split() for suite in field["Suites"].split()]
            elif path.suffix == ".list":
                for match in re.finditer(r"^deb\s+(?:\[.*?\]\s+)?(\S+)\s+(bookworm\S*)\s+main", text, re.M):
                    lines.append((match[1], match[2]))
        if not lines:
            raise Trouble("no Debian bookworm mirror in /etc/apt: an image is built from its packages")
        keys = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
        return [f"{kind} {keys} {uri} {suite} main non-free-firmware\n" for uri, suite in dict.fromkeys(lines)]

    def _load(self, command, *words):
        try:
            run(["apt-get", command, "-q", *self.options, *words], f"apt-get {command}", cwd=self.debs)
        except Trouble as trouble:
            raise Unreachable(f"{trouble}: no Debian packages for the image") from trouble

    def fetch(self, wanted):
        """Downloads `wanted` and all they depend on; the names of the archives, sorted. Nothing is loaded twice."""
        if not list((self.folder / "state/lists").glob("*Packages*")):
            self._load("update")
        self._load("install", "-y", "-d", *wanted)
        listed = run(["apt-get", "install", "-y", "-s", "-q", *self.options, *wanted], "apt-get install -s")
        names = {}
        for match in re.finditer(r"^Inst (\S+) \((\S+)", listed, re.M):
            names[match[1].split(":")[0]] = match[2]
        found = {}
        for path in self.debs.glob("*.deb"):
            name, version, _ = path.name.rsplit("_", 2)
            if names.get(name) == version.replace("%3a", ":"):
                found[name] = path
        missing = sorted(set(names) - set(found))
        if missing:
            raise Trouble(f"apt did not bring {', '.join(missing)}")
        return [found[name] for name in sorted(found)]


    def source(self, name):
        """Downloads the files of a source package; the path of its .dsc."""
        if not list((self.folder / "state/lists").glob("*Sources*")):
            self._load("update")
        listed = run(["apt-get", "source", "--print-uris", "-q", *self.options, name], "apt-get source")
        found = re.search(r"^'\S+' (\S+\.dsc) ", listed, re.M)
        if not found:
            raise Trouble(f"apt knows no source package {name}")
        self._load("source", "-d", name)
        return self.debs / found[1]


def unpack(deb, root):
    """dpkg-deb's file tree over `root`, whose merged-/usr links stay links."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as source:
        run(["tar", "-x", "-C", root, "--no-same-owner", "--no-same-permissions", "--keep-directory-symlink"],
            f"unpacking {deb.name}", stdin=source.stdout)
    if source.returncode != 0:
        raise Trouble(f"{deb}: damaged archive; remove it and build again")


def control(deb):
    text = run(["dpkg-deb", "-f", deb], f"reading {deb.name}")
    return {match[1]: match[2] for match in re.finditer(r"^([A-Za-z-]+): (.*)$", text, re.M)}


def _copyright(root, name):
    for file in ("copyright", "LICENSE"):
        path = root / "usr/share/doc" / name / file
        if path.exists():
            return path.read_text(errors="replace")
    return ""


def _licences(text):
    """Names as the file's fields give them; of a file in plain words, the common licences that it points to."""
    names = re.findall(r"^License:[ \t]*(\S.*)$", text, re.M)
    names = names or re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.+-]*[A-Za-z0-9+])", text)
    if not names and "Apache License" in text:
        names = ["Apache-2.0"]
    return sorted({n.strip() for n in names})


def inventory(debs, root):
    """What is in the image: one dict a package. Read while usr/share/doc is still there."""
    rows = []
    for deb in debs:
        field = control(deb)
        text = _copyright(root, field["Package"])
        rows.append({"name": field["Package"], "version": field["Version"],
                     "source": field.get("Source", field["Package"]).split()[0],
                     "sha256": hashlib.sha256(deb.read_bytes()).hexdigest(),
                     "homepage": field.get("Homepage", ""), "licences": _licences(text), "copyright": text})
    return rows


def source_row(dsc, text):
    """The same of a source package that was built here; `text`: its copyright file."""
    field = dict(re.findall(r"^([A-Za-z-]+): (.+)$", dsc.read_text(), re.M))
    return {"name": field["Source"], "version": field["Version"], "source": field["Source"], "arch": "source",
            "sha256": hashlib.sha256(dsc.read_bytes()).hexdigest(), "homepage": field.get("Homepage", ""),
            "licences": _licences(text), "copyright": text}


def spdx(rows, image, version, epoch_text):
    """SPDX 2.3 in JSON. Nothing in it depends on when or where it was made."""
    digest = hashlib.sha256("".join(r["name"] + r["sha256"] for r in rows).encode()).hexdigest()
    packages = [{"SPDXID": "SPDXRef-image", "name": image, "versionInfo": version, "downloadLocation": "NOASSERTION",
                 "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
                 "copyrightText": "NOASSERTION", "primaryPackagePurpose": "OPERATING-SYSTEM"}]
    for r in rows:
        ident = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", r["name"])
        packages.append({
            "SPDXID": ident, "name": r["name"], "versionInfo": r["version"],
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
            "licenseComments": "; ".join(r["licences"]) or "see the package's copyright file",
            "checksums": [{"algorithm": "SHA256", "checksumValue": r["sha256"]}],
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:deb/debian/{r['name']}@{r['version']}?arch={r.get('arch', 'arm64')}"}]})
    links = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-image"}]
    links += [{"spdxElementId": "SPDXRef-image", "relationshipType": "CONTAINS", "relatedSpdxElement": p["SPDXID"]}
              for p in packages[1:]]
    return json.dumps({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": image,
                       "documentNamespace": f"https://bayplate.invalid/sbom/{digest}",
                       "creationInfo": {"created": epoch_text, "creators": ["Tool: bayplate board/image/build"]},
                       "packages": packages, "relationships": links}, indent=1, sort_keys=True) + "\n"


def licences(rows):
    lines = ["# Licences of the packages in this image, as their copyright files name them.\n"]
    lines += [f"{r['name']} {r['version']} (source {r['source']}): {'; '.join(r['licences']) or 'see its copyright file'}\n"
              for r in rows]
    return "".join(lines)


def copyrights(rows):
    """The packages' copyright files as they are: the image itself has no room for them, so they go with it."""
    return "".join(f"{'=' * 40} {r['name']} {r['version']}\n{r['copyright']}\n" for r in rows)
