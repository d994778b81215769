package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.model.TinyModel;
import io.sluice.testing.ChildJvm;
import java.io.BufferedReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A million demo that is killed again and again ends in the page of an undisturbed one. */
@Tag("slow")
class KilledMillionTest {
  @TempDir Path folder;

  /** The process that is killed. */
  public static final class Child {
    private Child() {}

    public static void main(String[] args) {
      System.exit(
          Main.run(new PrintWriter(System.out, true), new PrintWriter(System.out, true), args));
    }
  }

  private List<String> arguments(Path text, Path out) {
    return List.of(
        "demo",
        "--million",
        "--features=512",
        "--k=4",
        "--batch=128",
        "--steps=40",
        "--hook=layers.1.attn_out",
        "--model",
        TinyModel.LLAMA.folder().toString(),
        "--text",
        text.toString(),
        "--out",
        out.toString());
  }

  @Test
  void killedAndContinuedDemoEndsInTheSamePage() throws Exception {
    Path text = Files.writeString(folder.resolve("words.txt"), words());
    Path whole = folder.resolve("whole");
    String said = run(arguments(text, whole));
    assertThat(said).contains("Estimate: about ").contains("$ sluice capture");
    String page = Files.readString(whole.resolve("million.md"));
    assertThat(page)
        .contains("It holds no result of 1,048,576 features")
        .contains("| 8 | plain |")
        .contains("| 512 | remedies |")
        .contains("## Which cause explains how much");
    assertThat(whole.resolve("report.html")).isNotEmptyFile();

    Path killed = folder.resolve("killed");
    for (String until : List.of("$ sluice capture", "$ sluice sweep", "runs/plain-512")) {
      Process child = ChildJvm.start(Child.class, "512m", arguments(text, killed));
      try (BufferedReader output = child.inputReader()) {
        for (String line = output.readLine();
            line != null && !line.contains(until);
            line = output.readLine()) {}
      }
      child.destroyForcibly();
      child.waitFor();
    }
    assertThat(killed.resolve("million.md")).doesNotExist();
    String continued = run(arguments(text, killed));
    assertThat(continued).doesNotContain("$ sluice capture").doesNotContain("--features 128 ");
    assertThat(untimed(Files.readString(killed.resolve("million.md")))).isEqualTo(untimed(page));
    assertThat(run(arguments(text, killed))).doesNotContain("$ sluice train");
  }

  private static String run(List<String> arguments) {
    StringWriter said = new StringWriter();
    PrintWriter err = new PrintWriter(said, true);
    int status =
        Main.run(new PrintWriter(new StringWriter()), err, arguments.toArray(String[]::new));
    assertThat(status).as(said.toString()).isZero();
    return said.toString();
  }

  /** The page without its table of times. */
  private static String untimed(String page) {
    return page.substring(0, page.indexOf("## Speed and memory"));
  }

  private static String words() {
    return new Random(3)
        .ints(6000, 0, 26)
        .mapToObj(letter -> String.valueOf((char) ('a' + letter)).repeat(1 + letter % 3))
        .collect(Collectors.joining(" "));
  }
}
