package io.sluice.files;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Exchanges two folders atomically, so that each name always has a complete folder, also if the
 * process is killed. Java's file API has no call for it; Linux has one, on most file systems.
 */
public final class FolderSwap {
  private static final int HERE = -100; // AT_FDCWD
  private static final int EXCHANGE = 2; // RENAME_EXCHANGE

  private FolderSwap() {}

  /**
   * Exchanges two folders on one file system.
   *
   * @return false, without a change, if the system cannot or native access is not allowed
   */
  public static boolean exchange(Path one, Path other) {
    if (Calls.RENAME == null) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      int status =
          (int)
              Calls.RENAME.invokeExact(
                  HERE,
                  arena.allocateFrom(one.toAbsolutePath().toString(), Calls.NAMES),
                  HERE,
                  arena.allocateFrom(other.toAbsolutePath().toString(), Calls.NAMES),
                  EXCHANGE);
      return status == 0;
    } catch (Throwable e) {
      throw new IllegalStateException("exchange of " + one + " and " + other + " failed", e);
    }
  }

  /** Looked up only if native access is allowed without a warning. */
  private static final class Calls {
    static final Charset NAMES = StandardCharsets.UTF_8;
    static final MethodHandle RENAME = rename();

    private static MethodHandle rename() {
      if (!System.getProperty("os.name").equals("Linux")
          || !FolderSwap.class.getModule().isNativeAccessEnabled()) {
        return null;
      }
      Linker linker = Linker.nativeLinker();
      FunctionDescriptor type =
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_INT);
      return linker
          .defaultLookup()
          .find("renameat2")
          .map(call -> linker.downcallHandle(call, type))
          .orElse(null);
    }
  }
}
