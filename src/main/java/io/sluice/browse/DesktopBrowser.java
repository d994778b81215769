package io.sluice.browse;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Opens an address in the browser of the desktop. The address has a secret in it, and all users of
 * a machine see the arguments of its processes; so the browser is given a file that only this user
 * can read, which leads to the address.
 */
public final class DesktopBrowser {
  private DesktopBrowser() {}

  /**
   * Opens the address.
   *
   * @return whether there is a desktop that was asked; the file that it was given is deleted when
   *     the process ends
   */
  public static boolean open(URI address) {
    Optional<List<String>> opener = opener();
    if (opener.isEmpty()) {
      return false;
    }
    try {
      Path file = redirect(address);
      List<String> command = new ArrayList<>(opener.get());
      command.add(file.toUri().toString());
      new ProcessBuilder(command)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .redirectError(ProcessBuilder.Redirect.DISCARD)
          .start();
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** A page that leads to the address, readable by this user alone. */
  static Path redirect(URI address) throws IOException {
    boolean posix = File.separatorChar == '/';
    Path file =
        posix
            ? Files.createTempFile(
                "sluice-browse",
                ".html",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
            : Files.createTempFile("sluice-browse", ".html");
    file.toFile().deleteOnExit();
    String page =
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">"
            + "<meta http-equiv=\"refresh\" content=\"0;url="
            + address.toASCIIString()
            + "\"><title>Sluice</title>\n";
    Files.write(file, page.getBytes(StandardCharsets.UTF_8));
    return file;
  }

  private static Optional<List<String>> opener() {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    if (system.startsWith("windows")) {
      return Optional.of(List.of("rundll32", "url.dll,FileProtocolHandler"));
    }
    if (system.startsWith("mac")) {
      return Optional.of(List.of("open"));
    }
    boolean desktop = isSet("DISPLAY") || isSet("WAYLAND_DISPLAY");
    return desktop && onPath("xdg-open") ? Optional.of(List.of("xdg-open")) : Optional.empty();
  }

  private static boolean isSet(String variable) {
    String value = System.getenv(variable);
    return value != null && !value.isEmpty();
  }

  private static boolean onPath(String program) {
    String path = System.getenv("PATH");
    return path != null
        && Arrays.stream(path.split(File.pathSeparator))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
  }
}
