package io.sluice.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The interpreter of {@code SLUICE_PYTHON} inside this process, through its shared library. Started
 * once per process and never ended, as extension modules do not survive that.
 */
public final class EmbeddedPython {
  private static final int RTLD_NOW = 2;
  private static final int RTLD_GLOBAL = 0x100;
  private static EmbeddedPython instance;

  private final MethodHandle runString;

  private EmbeddedPython(String library, String home, String path) throws Throwable {
    Linker linker = Linker.nativeLinker();
    MethodHandle dlopen =
        find("dlopen", ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
    try (Arena arena = Arena.ofConfined()) {
      // Global, because extension modules take Python's own symbols from the process.
      MemorySegment handle =
          (MemorySegment) dlopen.invokeExact(arena.allocateFrom(library), RTLD_NOW | RTLD_GLOBAL);
      assumeTrue(handle.address() != 0, "cannot load " + library);
      MethodHandle dlsym =
          find("dlsym", ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.ADDRESS);
      MemorySegment setHome =
          (MemorySegment) dlsym.invokeExact(handle, arena.allocateFrom("Py_SetPythonHome"));
      MemorySegment initialize =
          (MemorySegment) dlsym.invokeExact(handle, arena.allocateFrom("Py_InitializeEx"));
      MemorySegment run =
          (MemorySegment) dlsym.invokeExact(handle, arena.allocateFrom("PyRun_SimpleString"));
      runString =
          linker.downcallHandle(
              run, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
      linker
          .downcallHandle(setHome, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS))
          .invokeExact(wide(home));
      linker
          .downcallHandle(initialize, FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT))
          .invokeExact(0);
    }
    run("import sys\nsys.path[:0] = " + path);
  }

  /** The interpreter; where it cannot be loaded, the calling test is skipped with the reason. */
  public static synchronized EmbeddedPython require() throws IOException {
    Python.require();
    if (instance == null) {
      String[] lines = Python.run("where_python.py").strip().split("\n");
      Path library = Path.of(lines[0]);
      assumeTrue(
          Files.isRegularFile(library), "no shared library of Python: " + library + " is missing");
      try {
        instance = new EmbeddedPython(library.toString(), lines[1], lines[2]);
      } catch (RuntimeException | Error e) {
        throw e;
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }
    return instance;
  }

  /**
   * Runs statements; names they define last until the process ends.
   *
   * @throws AssertionError if they raise; Python prints the trace to standard error
   */
  public void run(String code) {
    try (Arena arena = Arena.ofConfined()) {
      int status = (int) runString.invokeExact(arena.allocateFrom(code));
      if (status != 0) {
        throw new AssertionError("Python raised; its trace is on standard error");
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static MethodHandle find(String name, MemoryLayout result, MemoryLayout... args) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().find(name).orElseThrow(), FunctionDescriptor.of(result, args));
  }

  /** A {@code wchar_t} string that lives as long as the process: Python keeps the pointer. */
  private static MemorySegment wide(String text) {
    int[] points = text.codePoints().toArray();
    MemorySegment string = Arena.global().allocate(4L * (points.length + 1), 4);
    for (int i = 0; i < points.length; i++) {
      string.setAtIndex(ValueLayout.JAVA_INT, i, points[i]);
    }
    return string;
  }
}
