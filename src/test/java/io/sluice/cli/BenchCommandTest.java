package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.bench.Benchmark;
import io.sluice.torch.Torch;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class BenchCommandTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void anUnknownBenchmarkIsAUsageErrorThatListsThem() {
    assertThat(run("bench", "nothing")).isEqualTo(2);
    assertThat(err.toString()).contains("'nothing'").contains("covariance");
    assertThat(run("bench", "--rounds", "0")).isEqualTo(2);
    assertThat(err.toString()).contains("--rounds");
  }

  @Test
  void loadNeedsAModelAndTellsHowLongItTakes() {
    assertThat(run("bench", "load")).isEqualTo(2);
    assertThat(err.toString()).contains("--model");
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    String model = "src/test/resources/golden/model/gguf/llama.gguf";
    assertThat(run("bench", "load", "--model", model, "--rounds", "2")).isZero();
    assertThat(out.toString()).contains("load: llama", "s/GB");
  }

  @Test
  void bothEncodersAreListedAndTheirOldNamesStayKnown() {
    assertThat(run("bench", "nothing")).isEqualTo(2);
    assertThat(err.toString()).contains("encode-batch, encode-one").doesNotContain("encoder");
    // An unknown name after it is the one complained of: the old ones are none.
    assertThat(run("bench", "encode", "encoder", "encode-batch", "encode-one", "other"))
        .isEqualTo(2);
    assertThat(err.toString()).contains("'other'").doesNotContain("'encode");
  }

  @Test
  void aStepIsMeasuredWithTheEngineAndThePrecisionThatAreAsked() {
    assertThat(run("bench", "step", "--precision", "bfloat16", "--engine", "vector")).isEqualTo(2);
    assertThat(err.toString()).contains("vector engine", "bfloat16");
    assertThat(run("bench", "step", "--moments", "float16")).isEqualTo(2);
    assertThat(err.toString()).contains("float16");
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    assertThat(
            run(
                "bench",
                "step",
                "--shapes",
                "16x64x32",
                "--rounds",
                "1",
                "--engine",
                "torch",
                "--precision",
                "bfloat16",
                "--moments",
                "bfloat16"))
        .isZero();
    assertThat(out.toString())
        .contains("torch engine, cpu, k 32, products in bfloat16, moments in bfloat16")
        .containsPattern(" adam +\\d")
        .containsPattern(" sparse-adam +\\d");
  }

  @Test
  void medianIsTheMiddleOrTheMeanOfTheTwoMiddleOnes() {
    assertThat(Benchmark.median(new double[] {5, 1, 3})).isEqualTo(3);
    assertThat(Benchmark.median(new double[] {4, 1, 3, 2})).isEqualTo(2.5);
  }

  private int run(String... arguments) {
    return Main.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
  }
}
