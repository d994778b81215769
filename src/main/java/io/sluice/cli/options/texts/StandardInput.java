package io.sluice.cli.options.texts;

import io.sluice.cli.console.ErrorLine;
import io.sluice.cli.console.SluiceCommand;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Texts from standard input. Texts are read more than once, to count them before anything is
 * written and to run them, so they are copied to a temporary file, which the end of the process
 * deletes.
 */
final class StandardInput {
  /** What stands for standard input among paths. */
  private static final Path NAME = Path.of("-");

  private Path copy;

  /** Whether some of these texts come from standard input. */
  static boolean isAmong(List<Path> texts) {
    return texts != null && texts.contains(NAME);
  }

  /** Rejects what cannot be read once. */
  static void check(SluiceCommand command, List<Path> texts) {
    if (!isAmong(texts)) {
      return;
    }
    if (command.runsOnCluster()) {
      throw command.usage(
          "--text - is standard input, which other machines do not see; give a file on a path that"
              + " they see");
    }
    if (texts.stream().filter(NAME::equals).count() > 1) {
      throw command.usage("--text names standard input (-) twice; it can be read once");
    }
  }

  /**
   * These texts, with the copy in the place of standard input, which is read at the first call.
   *
   * @param ending what the copy's name ends in, which says what it holds
   * @throws IOException if standard input is empty, or cannot be copied
   */
  List<Path> copied(List<Path> texts, String ending) throws IOException {
    if (isAmong(texts) && copy == null) {
      copy = copy(System.in, ending);
    }
    return texts.stream().map(path -> path.equals(NAME) ? copy : path).toList();
  }

  private static Path copy(InputStream in, String ending) throws IOException {
    Path folder = Files.createTempDirectory("sluice-texts-");
    Path file = folder.resolve("standard-input" + ending);
    // What is registered last is deleted first.
    folder.toFile().deleteOnExit();
    file.toFile().deleteOnExit();
    long bytes;
    try (OutputStream to = Files.newOutputStream(file)) {
      bytes = in.transferTo(to);
    } catch (IOException e) {
      throw new IOException(
          "--text -: standard input cannot be copied to "
              + file
              + " ("
              + e.getMessage()
              + "); make room there, name another folder with -Djava.io.tmpdir, or give a file",
          e);
    }
    if (bytes == 0) {
      throw new IOException("--text -: standard input is empty; pipe a text into the command");
    }
    ErrorLine.call(file, "standard input");
    return file;
  }
}
