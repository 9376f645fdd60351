"""SNOMED CT codes of crates/volume/src/dicom/anatomy.rs, looked up by meaning in pydicom's dictionary: anatomy.json.

    python tests/reference/anatomy.py     (pydicom 3.0)
"""

import json
import re
from pathlib import Path

from pydicom.sr.codedict import codes

here = Path(__file__).parent
source = (here / "../../crates/volume/src/dicom/anatomy.rs").read_text()
meanings = re.findall(r'\("\d+", "([A-Z][^"]*)", &\[', source)
# pydicom calls these by longer keywords.
OTHERS = {"Urinary bladder": "UrinaryBladderStructure"}

found = {}
for meaning in meanings:
    keyword = OTHERS.get(meaning) or "".join(word[0].upper() + word[1:] for word in meaning.split())
    matches = [key for key in dir(codes.SCT) if key.lower() == keyword.lower()]
    if len(matches) == 1:
        found[meaning] = getattr(codes.SCT, matches[0]).value
(here / "anatomy.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
print(len(found), "of", len(meanings), "missing:", [m for m in meanings if m not in found])
