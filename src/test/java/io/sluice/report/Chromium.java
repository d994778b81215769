package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A headless Chromium that opens one page, from a fresh profile, with the network closed. */
public final class Chromium {
  private static final List<String> NAMES =
      List.of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");

  private final Path program;

  private Chromium(Path program) {
    this.program = program;
  }

  /** The Chromium on the PATH; the calling test is skipped where there is none. */
  static Chromium require() {
    return new Chromium(program());
  }

  /** The path of the Chromium on the PATH; the calling test is skipped where there is none. */
  public static Path program() {
    Optional<Path> found =
        Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
            .flatMap(folder -> NAMES.stream().map(name -> Path.of(folder, name)))
            .filter(Files::isExecutable)
            .findFirst();
    assumeTrue(found.isPresent(), "no Chromium on the PATH (" + String.join(", ", NAMES) + ")");
    return found.get();
  }

  /**
   * What a page became.
   *
   * @param dom the document as HTML after its script ran
   * @param console what the page wrote to the console, one message a line
   * @param requests addresses that the page itself asked the network for
   */
  record Visit(String dom, List<String> console, List<String> requests) {}

  /** Opens {@code page} and returns its document once its charts have drawn. */
  Visit open(Path page, Path scratch, String... flags) throws IOException, InterruptedException {
    Path dom = scratch.resolve("dom.html");
    Path log = scratch.resolve("chromium.log");
    Path net = scratch.resolve("net.json");
    List<String> all = new ArrayList<>(List.of(flags));
    all.addAll(List.of("--dump-dom", "--enable-logging=stderr", "--log-net-log=" + net));
    run(page, scratch, dom, log, all);
    try (Stream<String> lines = Files.lines(log)) {
      List<String> console = lines.filter(l -> l.contains(":CONSOLE")).toList();
      return new Visit(Files.readString(dom), console, requests(net));
    }
  }

  private void run(Path page, Path scratch, Path out, Path log, List<String> flags)
      throws IOException, InterruptedException {
    Path profile = Files.createTempDirectory(scratch, "profile");
    List<String> command = new ArrayList<>();
    command.add(program.toString());
    command.addAll(
        List.of(
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=60000",
            "--user-data-dir=" + profile));
    command.addAll(flags);
    command.add(page.toUri().toString());
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(log.toFile())
            .start();
    if (!process.waitFor(10, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new IOException("Chromium did not end in ten minutes: " + Files.readString(log));
    }
    assertThat(process.exitValue()).as(() -> "Chromium's exit status").isZero();
  }

  /** What the page asked for; Chromium's own housekeeping has no page as its initiator. */
  private static List<String> requests(Path netLog) throws IOException {
    List<String> found = new ArrayList<>();
    for (String line : Files.readAllLines(netLog)) {
      int url = line.indexOf("\"url\":\"http");
      if (url >= 0 && line.contains("\"initiator\":\"file://")) {
        found.add(line.substring(url + 7, line.indexOf('"', url + 7)));
      }
    }
    return found;
  }
}
