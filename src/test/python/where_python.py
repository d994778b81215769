"""Prints what is needed to embed this interpreter: its shared library, its home, its path."""

import os
import sys
import sysconfig

library = sysconfig.get_config_var("INSTSONAME") or sysconfig.get_config_var("LDLIBRARY") or ""
folders = [sysconfig.get_config_var("LIBDIR") or "", os.path.join(sys.base_prefix, "lib")]
candidates = [os.path.join(folder, library) for folder in folders]
print(next((c for c in candidates if os.path.isfile(c)), candidates[0]))
print(sys.base_prefix)
print([p for p in sys.path[1:]])
