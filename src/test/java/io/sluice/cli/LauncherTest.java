package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.model.TinyModel;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/sluice} and {@code bin/find-jdk}, run as people run them. */
@Tag("slow")
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
  private static final Path HOME = Path.of("").toAbsolutePath();
  private static final String LAUNCHER = HOME.resolve("bin/sluice").toString();
  private static final String FINDER = HOME.resolve("bin/find-jdk").toString();

  @TempDir Path folder;

  @Test
  void answersFromAnotherFolderWithNothingOnStandardError() throws Exception {
    CommandProcess result = run(folder, Map.of(), LAUNCHER, "--help");
    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    assertThat(result.out()).contains("Usage: sluice");
  }

  @Test
  void runsThroughALinkWithASpaceInItsPath() throws Exception {
    Path link = Files.createDirectories(folder.resolve("a folder")).resolve("my sluice");
    Files.createSymbolicLink(link, Path.of(LAUNCHER));
    CommandProcess result = run(folder, Map.of(), link.toString(), "--version");
    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.out()).startsWith("sluice ");
  }

  @Test
  void runsFromASourceTreeWithASpaceInItsPath() throws Exception {
    Path tree = Files.createDirectories(folder.resolve("source tree"));
    Files.createDirectories(tree.resolve("bin"));
    Files.createDirectories(tree.resolve("target"));
    for (String name :
        List.of("bin/sluice", "bin/utf8-locale", "bin/find-jdk", "target/classpath")) {
      Files.copy(HOME.resolve(name), tree.resolve(name), StandardCopyOption.COPY_ATTRIBUTES);
    }
    try (Stream<Path> files = Files.walk(HOME.resolve("target/classes"))) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.createDirectories(tree.resolve(HOME.relativize(file)).getParent());
        Files.copy(file, tree.resolve(HOME.relativize(file)));
      }
    }
    CommandProcess result =
        run(folder, Map.of(), tree.resolve("bin/sluice").toString(), "--version");
    assertThat(result.status()).as(result.err()).isZero();
  }

  @Test
  void usageErrorIsOneLineWithStatusTwo() throws Exception {
    CommandProcess result = run(folder, Map.of(), LAUNCHER, "frobnicate", "with space");
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err().lines()).hasSize(1);
    assertThat(result.err()).startsWith("sluice: ").contains("frobnicate");
  }

  @Test
  void helpIsAsWideAsTheTerminalOrAsColumnsSays() throws Exception {
    for (int width : new int[] {80, 120}) {
      CommandProcess piped =
          run(folder, Map.of("COLUMNS", "" + width), LAUNCHER, "help", "evaluate");
      assertThat(piped.status()).as(piped.err()).isZero();
      assertThat(widest(piped.out())).isBetween(width - 8, width);
      Assumptions.assumeTrue(Files.exists(Path.of("/usr/bin/script")), "no script(1)");
      CommandProcess shown =
          run(
              folder,
              Map.of("COLUMNS", "99", "NO_COLOR", "1"),
              "/usr/bin/script",
              "-qec",
              "stty cols " + width + "; " + LAUNCHER + " evaluate --help",
              "/dev/null");
      assertThat(shown.status()).as(shown.out()).isZero();
      assertThat(shown.out().replace("\r", "")).isEqualTo(piped.out());
    }
  }

  private static int widest(String page) {
    return page.lines().mapToInt(String::length).max().orElseThrow();
  }

  @Test
  void passesJvmOptions() throws Exception {
    CommandProcess result =
        run(folder, Map.of("SLUICE_JAVA_OPTS", "-Xmx64m -Xlog:gc+init"), LAUNCHER, "--version");
    assertThat(result.status()).isZero();
    assertThat(result.out()).contains("Heap Max Capacity: 64M");
  }

  @Test
  void saysWhatToDoBeforeTheFirstBuild() throws Exception {
    Files.createDirectories(folder.resolve("bin"));
    Path copy = Files.copy(Path.of(LAUNCHER), folder.resolve("bin/sluice"));
    Files.copy(HOME.resolve("bin/utf8-locale"), folder.resolve("bin/utf8-locale"));
    Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rwxr-xr-x"));
    CommandProcess result = run(folder, Map.of(), copy.toString(), "--help");
    assertThat(result.status()).isEqualTo(1);
    assertThat(result.err().lines()).hasSize(1);
    assertThat(result.err()).contains("make build");
  }

  @Test
  void startsWhereTheEnvironmentHasNoHome() throws Exception {
    String[] withoutHome = {"env", "-u", "HOME", "-u", "XDG_CACHE_HOME"};
    CommandProcess version = run(folder, Map.of(), with(withoutHome, LAUNCHER, "--version"));
    assertThat(version.err()).isEmpty();
    assertThat(version.status()).isZero();
    CommandProcess none =
        run(
            folder,
            Map.of("SLUICE_JDK_FOLDERS", "/nowhere", "PATH", pathWithoutJava(), "JAVA_HOME", ""),
            with(withoutHome, FINDER));
    assertThat(none.err().lines()).as(none.err()).hasSize(1);
    assertThat(none.err()).startsWith("sluice: needs a JDK ");
    CommandProcess model =
        run(
            folder,
            Map.of("PATH", pathWithoutJava()),
            with(withoutHome, HOME.resolve("bin/fetch-models").toString(), "/dev/null/models"));
    assertThat(model.status()).isEqualTo(1);
    assertThat(model.err().lines()).as(model.err()).hasSize(1);
  }

  @Test
  void readsArgumentsAndPathsInTheLocaleOfCron() throws Exception {
    // The bytes are the shell's to write: the JVM of this test may itself run in such a locale.
    String script =
        "cd \"$(printf 'gr\\303\\266\\303\\237e')\" || exit 3; "
            + "\"$1\" spectrum --store \"$(printf '\\303\\274')\"";
    run(folder, Map.of(), "bash", "-c", "mkdir \"$(printf 'gr\\303\\266\\303\\237e')\"");
    for (String locale : List.of("LC_ALL=C", "LC_ALL=POSIX", "LC_ALL=", "LC_ALL=C.UTF-8")) {
      CommandProcess result =
          run(
              folder,
              Map.of(),
              with(
                  new String[] {"env", "-u", "LANG", "-u", "LC_CTYPE", locale},
                  "bash",
                  "-c",
                  script,
                  "bash",
                  LAUNCHER));
      assertThat(result.err()).as(locale).startsWith("sluice spectrum: ü: no such folder");
      assertThat(result.status()).as(locale).isEqualTo(1);
    }
  }

  @Test
  void aMachineWithoutLocalesInUtf8IsNamedAndItsArgumentsAreNotGuessed() throws Exception {
    String script = ". \"$1\"; is_utf8() { false; }; utf8_locale; exec \"$2\"";
    CommandProcess said =
        run(
            folder,
            Map.of("LC_ALL", "C"),
            "bash",
            "-c",
            script,
            "bash",
            HOME.resolve("bin/utf8-locale").toString(),
            "true");
    assertThat(said.err().lines()).hasSize(1);
    assertThat(said.err()).startsWith("sluice: no locale in UTF-8");
    CommandProcess latin =
        run(
            folder,
            Map.of("LC_ALL", "C"),
            "bash",
            "-c",
            "\"$1\" generate --model m --prompt \"$(printf 'gr\\366\\337e')\"",
            "bash",
            LAUNCHER);
    assertThat(latin.status()).isEqualTo(2);
    assertThat(latin.err().lines()).as(latin.err()).hasSize(1);
    assertThat(latin.err()).startsWith("sluice: argument 5 ").contains("UTF-8");
  }

  /** Otherwise the next file that the JVM opens would be read as a text. */
  @Test
  void aClosedStandardInputIsEmpty() throws Exception {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch");
    CommandProcess closed =
        run(
            folder,
            Map.of(),
            "bash",
            "-c",
            "\"$0\" capture --model \"$1\" --text - --out store <&-",
            LAUNCHER,
            TinyModel.LLAMA.folder().toString());
    assertThat(closed.status()).isEqualTo(1);
    assertThat(closed.err()).contains("standard input is empty");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void outputThatCannotBeWrittenIsAFailure() throws Exception {
    CommandProcess full = run(folder, Map.of(), "bash", "-c", "\"$0\" doctor >/dev/full", LAUNCHER);
    assertThat(full.status()).isEqualTo(1);
    assertThat(full.err().lines()).as(full.err()).hasSize(1);
    assertThat(full.err()).startsWith("sluice doctor: standard output cannot be written (");
    CommandProcess closed = run(folder, Map.of(), "bash", "-c", "\"$0\" --help >&-", LAUNCHER);
    assertThat(closed.status()).isEqualTo(1);
    CommandProcess pipe =
        run(
            folder,
            Map.of(),
            "bash",
            "-c",
            "\"$0\" --version | true; exit \"${PIPESTATUS[0]}\"",
            LAUNCHER);
    assertThat(pipe.status()).isEqualTo(141);
    assertThat(pipe.err()).isEmpty();
  }

  private static String[] with(String[] first, String... rest) {
    return Stream.concat(Stream.of(first), Stream.of(rest)).toArray(String[]::new);
  }

  @Test
  void oldJdkGivesOneLineThatSaysWhichWereFound() throws Exception {
    Path old = jdk(folder.resolve("old jdk"), "17.0.15");
    CommandProcess result =
        run(
            folder,
            Map.of(
                "JAVA_HOME", old.toString(), "SLUICE_JDK_FOLDERS", "", "PATH", pathWithoutJava()),
            LAUNCHER,
            "--help");
    assertThat(result.status()).isEqualTo(1);
    assertThat(result.err().lines()).hasSize(1);
    assertThat(result.err()).contains("JDK 22 or newer", "17 (JAVA_HOME=" + old, "install");
  }

  @Test
  void findsTheNewestJdkInTheUsualFolders() throws Exception {
    jdk(folder.resolve("jvm/java-22"), "22.0.1");
    Path newest = jdk(folder.resolve("jvm/java 26"), "26");
    jdk(folder.resolve("jvm/java-8"), "1.8.0_402");
    Map<String, String> environment =
        Map.of(
            "JAVA_HOME",
            "/no/such/folder",
            "SLUICE_JDK_FOLDERS",
            "/nowhere:" + folder.resolve("jvm"),
            "PATH",
            pathWithoutJava());
    CommandProcess result = run(folder, environment, FINDER);
    assertThat(result.out()).isEqualTo(newest + "\n");
    CommandProcess withTool = run(folder, environment, FINDER, "jlink");
    assertThat(withTool.status()).isEqualTo(1);
    assertThat(withTool.err().lines()).hasSize(1);
    assertThat(withTool.err()).contains("with jlink", "26 without jlink");
  }

  @Test
  void prefersJavaHomeWhereItIsNewEnough() throws Exception {
    Path mine = jdk(folder.resolve("mine"), "22.0.2");
    jdk(folder.resolve("jvm/java-26"), "26");
    CommandProcess result =
        run(
            folder,
            Map.of(
                "JAVA_HOME",
                mine.toString(),
                "SLUICE_JDK_FOLDERS",
                folder.resolve("jvm").toString()),
            FINDER);
    assertThat(result.out()).isEqualTo(mine + "\n");
  }

  /** A folder that looks like a JDK of {@code version}. */
  private static Path jdk(Path home, String version) throws IOException {
    Files.createDirectories(home.resolve("bin"));
    Files.writeString(home.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    executable(home.resolve("bin/java"), "exit 0");
    return home;
  }

  /** A folder with the few programs that the scripts call, and no java. */
  private String pathWithoutJava() throws IOException {
    Path programs = Files.createDirectories(folder.resolve("programs"));
    for (String name : List.of("bash", "env", "sed", "sort", "dirname", "readlink", "head")) {
      Path inBin = Path.of("/bin", name);
      Path real = Files.exists(inBin) ? inBin : Path.of("/usr/bin", name);
      executable(programs.resolve(name), "exec " + real + " \"$@\"");
    }
    return programs.toString();
  }

  private static void executable(Path file, String script) throws IOException {
    Files.writeString(file, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static CommandProcess run(Path at, Map<String, String> environment, String... command)
      throws IOException, InterruptedException {
    return CommandProcess.run(at, environment, List.of(command));
  }
}
