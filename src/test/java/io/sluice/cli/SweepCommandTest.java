package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.torch.DType;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code sluice sweep}, from arguments to exit status. */
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
    assertThat(out).contains("no firing in 160 tokens", "init", "dead", "FVU", "tokens/s", "±");
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
  void saysInOneLineWhatIsWrong() {
    assertThat(sweep("--vary", "innit=asi")).isEqualTo(2);
    assertThat(err).contains("unknown axis 'innit'");
    assertThat(sweep("--vary", "init=sai")).isEqualTo(2);
    assertThat(err).contains("axis init has no value 'sai'; it takes random, asi");
    assertThat(sweep()).isEqualTo(2);
    assertThat(sweep("--vary", "seed=1", "--memory", "lots")).isEqualTo(2);
    assertThat(err).contains("'lots' is no size");
    assertThat(sweep("--vary", "features=64", "--memory", "10K")).isEqualTo(1);
    assertThat(err).contains("of memory").hasLineCount(1);
    assertThat(temp.resolve("sweep")).doesNotExist();
    assertThat(sluice("sweep", "--resume", "--out", temp.resolve("none").toString())).isEqualTo(1);
    assertThat(err).contains("there is no sweep").hasLineCount(1);
    assertThat(temp.resolve("none")).doesNotExist();
  }
}
