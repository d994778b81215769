package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.memory.DType;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code sluice sweep}, from arguments to exit status. */
@Tag("slow")
class SweepCommandTest {
  @TempDir private Path temp;
  private String out;
  private String err;

  @BeforeEach
  void writeStore() throws IOException {
    SyntheticStore.write(temp.resolve("store"), 800, DType.F32, 1);
  }

  private int sluice(String... arguments) {
    StringWriter output = new StringWriter();
    StringWriter errors = new StringWriter();
    var line = Main.commandLine();
    line.setOut(new PrintWriter(output));
    line.setErr(new PrintWriter(errors));
    int status = line.execute(arguments);
    out = output.toString();
    err = errors.toString();
    return status;
  }

  private int sweep(String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "sweep",
                "--store",
                temp.resolve("store").toString(),
                "--hook",
                SyntheticStore.HOOK,
                "--out",
                temp.resolve("sweep").toString(),
                "--batch",
                "32",
                "--steps",
                "20"));
    all.addAll(List.of(more));
    return sluice(all.toArray(String[]::new));
  }

  @Test
  void printsOneTableAndGoesOnWhereItWasLeft() throws IOException {
    assertThat(
            sweep(
                "--vary",
                "init=random,asi",
                "--vary",
                "features=64",
                "--vary",
                "k=4",
                "--vary",
                "seed=0,1"))
        .as(err)
        .isZero();
    assertThat(out)
        .contains("no firing in the last 160 tokens", "init", "dead", "FVU", "tokens/s", "±");
    assertThat(out.lines().filter(line -> line.matches(" +(random|asi) .*"))).hasSize(2);
    Path cell = temp.resolve("sweep").resolve("cells").resolve("init=asi,seed=1");
    assertThat(cell.resolve("dictionary.safetensors")).exists();
    assertThat(sluice("sweep", "--resume", "--out", temp.resolve("sweep").toString(), "--json"))
        .isZero();
    JsonNode json = new ObjectMapper().readTree(out);
    assertThat(json.get("cells")).hasSize(4);
    assertThat(json.get("groups")).hasSize(2);
    assertThat(json.get("groups").get(0).get("fvu").get("repeats").asInt()).isEqualTo(2);
    assertThat(json.get("groups").get(0).get("values").get("init").asText()).isEqualTo("random");
    // Any cell is a run that other commands take.
    assertThat(
            sluice(
                "evaluate",
                "--dictionary",
                cell.toString(),
                "--store",
                temp.resolve("store").toString()))
        .isZero();
  }

  @Test
  void activationsPenaltiesAndBatchesHaveColumns() throws IOException {
    String[] axes = {
      "--vary", "features=64",
      "--vary", "k=4",
      "--vary", "activation=batchtopk,jumprelu",
      "--vary", "penalty=0.1,0.3",
      "--vary", "batch=16,32"
    };
    assertThat(sweep(axes)).as(err).isZero();
    // The window is a quarter of the smaller batches' run, for all.
    assertThat(out).contains("no firing in the last 80 tokens", "activation", "penalty", "batch");
    assertThat(out.lines().filter(line -> line.matches(" +batchtopk +– +(16|32) .*"))).hasSize(2);
    assertThat(out.lines().filter(line -> line.matches(" +jumprelu +0\\.[13] +(16|32) .*")))
        .hasSize(4);
    String folder = temp.resolve("sweep").toString();
    assertThat(sluice("sweep", "--resume", "--out", folder, "--json")).as(err).isZero();
    JsonNode json = new ObjectMapper().readTree(out);
    assertThat(json.get("groups")).hasSize(6);
    assertThat(json.at("/groups/0/values/activation").asText()).isEqualTo("batchtopk");
    assertThat(json.at("/groups/0/values").has("penalty")).isFalse();
    assertThat(json.at("/groups/5/values/batch").asText()).isEqualTo("32");
    String page = temp.resolve("page.html").toString();
    assertThat(sluice("report", "--sweep", folder, "--out", page)).as(err).isZero();
    assertThat(Files.readString(Path.of(page)))
        .contains("activation jumprelu, penalty 0.3, batch 32")
        .contains("activation batchtopk, batch 16");
    String study = temp.resolve("study.md").toString();
    String[] markdown = {"report", "--sweep", folder, "--markdown", study, "--out", page};
    assertThat(sluice(markdown)).isNotZero();
    assertThat(err).contains("varies activation; leave it out").hasLineCount(1);
  }

  @Test
  void saysInOneLineWhatIsWrong() {
    assertThat(sweep("--vary", "kind=crosscoder")).isEqualTo(2);
    assertThat(err).contains("kind cannot be an axis");
    assertThat(sweep("--vary", "innit=asi")).isEqualTo(2);
    assertThat(err).contains("unknown axis 'innit'");
    assertThat(sweep("--vary", "init=sai")).isEqualTo(2);
    assertThat(err).contains("axis init has no value 'sai'; it can be random, asi");
    assertThat(sweep()).isEqualTo(2);
    assertThat(sweep("--vary", "seed=1", "--memory", "lots")).isEqualTo(2);
    assertThat(err).contains("'lots' is not a size");
    assertThat(sweep("--vary", "features=64", "--memory", "10K")).isEqualTo(1);
    assertThat(err).contains("of memory").hasLineCount(1);
    assertThat(temp.resolve("sweep")).doesNotExist();
    assertThat(sluice("sweep", "--resume", "--out", temp.resolve("none").toString())).isEqualTo(1);
    assertThat(err).contains("there is no sweep").hasLineCount(1);
    assertThat(temp.resolve("none")).doesNotExist();
  }
}
