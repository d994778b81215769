package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.ArrowFiles;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.training.LayeredStore;
import io.sluice.training.PairedStore;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code sluice train} and {@code sluice evaluate}, from arguments to exit status. */
@Tag("slow")
class TrainCommandTest {
  @TempDir private Path temp;
  private String store;
  private String run;
  private String out;
  private String err;

  @BeforeEach
  void writeStore() throws IOException {
    store = temp.resolve("store").toString();
    run = temp.resolve("run").toString();
    SyntheticStore.write(temp.resolve("store"), 1500, DType.F32, 1);
  }

  @Test
  void trainsAndEvaluates() throws IOException {
    assertThat(train("--init", "asi", "--d-init", "10", "--json")).isZero();
    JsonNode result = new ObjectMapper().readTree(out);
    assertThat(result.get("steps").asInt()).isEqualTo(30);
    assertThat(config().get("centre").asBoolean()).isTrue();
    assertThat(config().get("subspaceDimensions").asInt()).isEqualTo(10);

    assertThat(sluice("evaluate", "--dictionary", run, "--store", store, "--engine", "reference"))
        .isZero();
    assertThat(out).contains("tokens    1,500", "FVU", "dead", "1,500 tokens)");
    assertThat(Path.of(run, "evaluation.json")).exists();
  }

  @Test
  void measuresOnWhatItNeverTrainedOn() throws IOException {
    store = temp.resolve("long").toString();
    SyntheticStore.write(Path.of(store), 5000, DType.F32, 1);
    assertThat(train("--engine", "reference")).as(err).isZero();
    String heldOut = out.lines().findFirst().orElseThrow();
    assertThat(heldOut).matches("FVU +0\\.\\d{4}, held-out \\(1,000 tokens, never trained on\\)");
    assertThat(out).containsPattern("FVU +0\\.\\d{4}, last 5 steps \\(trained on\\)");
    assertThat(out).containsPattern("dead +\\S+% \\(\\d+ of 64 features: no firing in the last");

    String[] evaluate = {
      "evaluate", "--dictionary", run, "--store", store, "--engine", "reference", "--rows", "all"
    };
    String[] usual = java.util.Arrays.copyOf(evaluate, 7);
    assertThat(sluice(usual)).as(err).isZero();
    // One definition: what training has printed is what the evaluation finds.
    String fvu = heldOut.replaceAll("FVU +", "").substring(0, 6);
    assertThat(out)
        .containsPattern("tokens +1,000 held out in 1,000 whole contexts, never trained on")
        .containsPattern("FVU +" + fvu + ", held-out")
        .containsPattern("FVU +0\\.\\d{4}, trained \\(4,000 tokens that the run trained on\\)");
    JsonNode file = new ObjectMapper().readTree(Path.of(run, "evaluation.json").toFile());
    assertThat(file.get("rows").asText()).isEqualTo("held-out");
    assertThat(file.at("/trained/tokens").asLong()).isEqualTo(4000);
    assertThat(sluice(evaluate)).as(err).isZero();
    assertThat(out).contains("5,000 (all, trained on or not)").doesNotContain("held-out");
    evaluate[8] = "trained";
    assertThat(sluice(evaluate)).as(err).isZero();
    assertThat(out).contains("4,000 that the run trained on").contains(", trained");
    evaluate[8] = "some";
    assertThat(sluice(evaluate)).isEqualTo(2);
    assertOneLine("--rows is held-out, trained or all", "some");

    // Another store: nobody knows what was trained on.
    String other = temp.resolve("other").toString();
    SyntheticStore.write(Path.of(other), 3000, DType.F32, 2);
    usual[4] = other;
    assertThat(sluice(usual)).as(err).isZero();
    assertThat(out).contains("3,000 (all: its run was trained on another store)");
    evaluate[4] = other;
    evaluate[8] = "held-out";
    assertThat(sluice(evaluate)).isEqualTo(1);
    assertOneLine("--rows held-out", "another store", "give --rows all");
  }

  @Test
  void theLastLineOfProgressAgreesWithTheResult() throws IOException {
    store = temp.resolve("long").toString();
    SyntheticStore.write(Path.of(store), 5000, DType.F32, 1);
    for (boolean terminal : new boolean[] {true, false}) {
      run = temp.resolve("run " + terminal).toString();
      System.setProperty("sluice.terminal.err", String.valueOf(terminal));
      System.setProperty("sluice.terminal.columns", "80");
      try {
        assertThat(train()).as(err).isZero();
      } finally {
        System.clearProperty("sluice.terminal.err");
        System.clearProperty("sluice.terminal.columns");
      }
      String last = err.substring(1 + Math.max(err.lastIndexOf('\r'), -1)).strip();
      last = last.substring(last.lastIndexOf('\n') + 1);
      assertThat(last)
          .hasSizeLessThan(80)
          .matches("train: .*  FVU 0\\.\\d{4}  dead \\d+\\.\\d\\d%");
      String fvu = last.replaceAll(".*FVU (\\S+) .*", "$1");
      String dead = last.replaceAll(".*dead ", "");
      assertThat(out)
          .containsPattern("FVU +\\Q" + fvu + "\\E, last \\d+ steps \\(trained on\\)")
          .containsPattern("dead +\\Q" + dead + "\\E \\(");
    }
  }

  @Test
  void sharesThatCannotBeMeantAreRefused() {
    assertThat(train("--held-out", "0.9")).isEqualTo(2);
    assertOneLine("--held-out", "0.9", "0.5");
    assertThat(train("--activation", "jumprelu")).isEqualTo(2);
    assertOneLine("give --penalty, for instance 0.3");
  }

  @Test
  void dictionariesThatTheMachineDoesNotHoldAreRefusedBeforeTheyAreMade() {
    String[] line = {
      "train",
      "--store",
      store,
      "--hook",
      SyntheticStore.HOOK,
      "--features",
      "2000000000",
      "--k",
      "4",
      "--steps",
      "1",
      "--batch",
      "64",
      "--out",
      run
    };
    assertThat(sluice(line)).isNotZero();
    assertOneLine("2,000,000,000 features", "in training, more than", "give fewer");
    assertThat(Path.of(run)).doesNotExist();
  }

  @Test
  void resumingRefusesWhatTheRunsOwnSettingsOverrule() {
    assertThat(sluice("train", "--resume", "--out", run, "--k", "8", "--steps", "9", "--lr", "0.1"))
        .isEqualTo(2);
    assertOneLine("--resume continues with the run's own settings; leave out --k, --steps, --lr");
    assertThat(sluice("train", "--resume", "--out", run, "--features", "8", "--hook", "h"))
        .isEqualTo(2);
    assertOneLine("--features", "--hook");
    assertThat(sluice("train", "--resume", "--out", run, "--no-centre", "--seed", "1"))
        .isEqualTo(2);
    assertOneLine("centre", "--seed");
    assertThat(sluice("lorsa", "train", "--resume", "--out", run, "--heads", "8")).isEqualTo(2);
    assertOneLine("leave out --heads");
    assertThat(sluice("sweep", "--resume", "--out", run, "--steps", "8", "--vary", "k=1"))
        .isEqualTo(2);
    assertOneLine("--steps", "--vary");
    // What says where things are may go with it.
    assertThat(sluice("train", "--resume", "--out", run, "--store", store, "--threads", "1"))
        .isEqualTo(1);
    assertOneLine("no run to resume");
  }

  @Test
  void storesOfOneVectorOrOneTokenSaySo() throws IOException {
    for (int rows : new int[] {1, 200}) {
      String same = temp.resolve("same" + rows).toString();
      SyntheticStore.writeConstant(Path.of(same), rows);
      store = same;
      assertThat(train()).isEqualTo(1);
      assertOneLine(same, rows == 1 ? "one token" : "the same vector in all 200 rows");
      assertThat(sluice("spectrum", "--store", same)).isEqualTo(1);
      assertOneLine(same, rows == 1 ? "one token" : "the same vector in all 200 tokens");
    }
    Path odd = Files.createDirectory(temp.resolve("odd"));
    store = odd.toString();
    ArrowFiles.write(
        odd.resolve("a.arrow"), List.of(SyntheticStore.HOOK), 3, List.of(), Map.of(), 0);
    assertThat(train()).isEqualTo(1);
    assertOneLine(store, "has no rows to train on");
    assertThat(sluice("spectrum", "--store", store)).isEqualTo(1);
    assertOneLine(store, "its files have no rows");
    for (float size : new float[] {1e38f, 1e-42f}) {
      store = SyntheticStore.writeOfSize(temp.resolve("size" + size), 200, size).toString();
      assertThat(train()).isEqualTo(1);
      assertOneLine(store, SyntheticStore.HOOK, size > 1 ? "too large" : "too small");
      assertThat(sluice("spectrum", "--store", store)).isEqualTo(1);
      assertOneLine(store, SyntheticStore.HOOK);
    }
    store = temp.resolve("store").toString();
    assertThat(train()).isZero();
    assertThat(
            sluice("evaluate", "--dictionary", run, "--store", temp.resolve("same200").toString()))
        .isEqualTo(1);
    assertOneLine("have the same vector", "evaluate on more text");
  }

  @Test
  void resultsHaveAPlaceBeforeTheWork() throws IOException {
    assertThat(train()).isZero();
    String file = temp.resolve("result.json").toString();
    assertThat(sluice("evaluate", "--dictionary", run, "--store", store, "--out", file)).isZero();
    assertThat(Path.of(file)).exists();
    assertThat(Path.of(run, "evaluation.json")).doesNotExist();
    String nowhere = temp.resolve("no/where.json").toString();
    assertThat(sluice("evaluate", "--dictionary", run, "--store", store, "--out", nowhere))
        .isEqualTo(1);
    assertOneLine("--out", "no");
    assertThat(out).isEmpty();
    // A place that cannot be known to fail: the result was printed.
    Files.createDirectory(Path.of(run, "evaluation.json"));
    assertThat(sluice("evaluate", "--dictionary", run, "--store", store)).isEqualTo(1);
    assertThat(out).contains("FVU", "L0");
    assertThat(err).contains("evaluation.json");
  }

  @Test
  void takesTheSwitchesOfAStudy() throws IOException {
    assertThat(
            train(
                "--init", "random", "--no-centre", "--optimiser", "sparse-adam", "--tokens", "900"))
        .isZero();
    assertThat(out).contains("FVU", "no firing in", "dictionary");
    assertThat(config().get("centre").asBoolean()).isFalse();
    assertThat(config().get("init").asText()).isEqualTo("random");
    assertThat(config().get("optimiser").asText()).isEqualTo("sparse-adam");
    assertThat(config().get("steps").asInt()).isEqualTo(29);
    assertThat(new ObjectMapper().readTree(Path.of(run, "run.json").toFile()).get("name").asText())
        .isEqualTo("random, sparse Adam");
  }

  @Test
  void keepsMomentsInBfloat16() throws IOException {
    assertThat(train("--steps", "10")).isZero();
    assertThat(config().has("moments")).isFalse();
    run = temp.resolve("rounded").toString();
    assertThat(train("--steps", "10", "--moments", "bfloat16")).isZero();
    assertThat(config().get("moments").asText()).isEqualTo("bfloat16");
    assertThat(new ObjectMapper().readTree(Path.of(run, "run.json").toFile()).get("name").asText())
        .contains("bfloat16 moments");
  }

  @Test
  void multipliesInBfloat16WhereTheEngineCan() throws IOException {
    for (String engine : new String[] {"vector", "reference"}) {
      assertThat(train("--precision", "bfloat16", "--engine", engine)).isNotZero();
      assertOneLine(engine + " engine", "bfloat16", "--engine torch");
      assertThat(Path.of(run)).doesNotExist();
    }
    assertThat(train("--precision", "bfloat16", "--activation", "matching_pursuit")).isEqualTo(2);
    assertOneLine("matching_pursuit", "bfloat16");
    assertThat(train("--precision", "tf32")).isEqualTo(2);
    assertOneLine("tf32", "float32, bfloat16");
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
    assertThat(train("--precision", "bfloat16", "--engine", "torch")).as(err).isZero();
    assertThat(config().get("precision").asText()).isEqualTo("bfloat16");
    assertThat(new ObjectMapper().readTree(Path.of(run, "run.json").toFile()).get("name").asText())
        .contains("bfloat16 products");
    assertThat(Files.readAllLines(Path.of(run, "metrics.jsonl")))
        .isNotEmpty()
        .allMatch(line -> line.contains("\"precision\":\"bfloat16\""));
    run = temp.resolve("exact").toString();
    assertThat(train("--engine", "torch")).as(err).isZero();
    assertThat(config().has("precision")).isFalse();
    assertThat(Files.readString(Path.of(run, "metrics.jsonl"))).doesNotContain("precision");
  }

  @Test
  void trainsAndEvaluatesATranscoder() throws IOException {
    store = temp.resolve("pairs").toString();
    PairedStore.write(Path.of(store), 1500, DType.F32, 1);
    assertThat(
            sluice(
                "train",
                "--store",
                store,
                "--hook",
                PairedStore.INPUT,
                "--target",
                PairedStore.TARGET,
                "--skip",
                "--features",
                "64",
                "--k",
                "4",
                "--steps",
                "30",
                "--out",
                run))
        .as(err)
        .isZero();
    assertThat(config().at("/kind/target").asText()).isEqualTo(PairedStore.TARGET);
    assertThat(config().at("/kind/skip").asBoolean()).isTrue();
    assertThat(config().at("/kind/encoderStart").asText()).isEqualTo("pull-back");
    assertThat(new ObjectMapper().readTree(Path.of(run, "run.json").toFile()).get("name").asText())
        .startsWith("skip transcoder, asi");
    assertThat(sluice("evaluate", "--dictionary", run, "--store", store)).as(err).isZero();
    assertThat(out).contains("tokens    1,500", "FVU");

    String both = PairedStore.INPUT + "," + PairedStore.TARGET;
    String shared = temp.resolve("shared").toString();
    String[] crosscoder = {
      "train",
      "--store",
      store,
      "--hook",
      both,
      "--features",
      "64",
      "--k",
      "4",
      "--steps",
      "30",
      "--out",
      shared
    };
    assertThat(sluice(crosscoder)).as(err).isZero();
    assertThat(sluice("evaluate", "--dictionary", shared, "--store", store)).as(err).isZero();
    assertThat(out).contains("of " + PairedStore.INPUT, "of " + PairedStore.TARGET);
    String[] uneven = crosscoder.clone();
    uneven[5] = "--target";
    uneven[6] = "layers.9.z";
    assertThat(sluice(uneven)).isEqualTo(2);
    assertOneLine("--hook", "--target", "2 and 1");

    String[] twice = {"train", "--store", store, "--hook", "a", "--target", "a", "--out", run};
    assertThat(sluice(twice)).isEqualTo(2);
    assertOneLine("both 'a'");
    assertThat(train("--encoder-start", "tied")).isEqualTo(2);
    assertOneLine("--encoder-start", "--target");
    twice[4] = "a,a";
    twice[5] = "--name";
    assertThat(sluice(twice)).isEqualTo(2);
    assertOneLine("'a' is named twice");
    twice[4] = "a";
    twice[5] = "--target";
    assertThat(train("--skip")).isEqualTo(2);
    assertOneLine("--skip", "--target");
    String[] unknown = twice.clone();
    unknown[4] = PairedStore.INPUT;
    unknown[6] = "layers.7.z";
    unknown[8] = temp.resolve("unknown").toString();
    assertThat(sluice(unknown)).isEqualTo(1);
    assertOneLine("layers.7.z", PairedStore.TARGET);
  }

  @Test
  void trainsAndEvaluatesACrossLayerTranscoder() throws IOException {
    store = temp.resolve("layers").toString();
    LayeredStore.write(Path.of(store), 1200, 3);
    String[] arguments = {
      "train",
      "--store",
      store,
      "--hook",
      String.join(",", LayeredStore.READS),
      "--target",
      String.join(",", LayeredStore.WRITES),
      "--features",
      "32",
      "--k",
      "3",
      "--steps",
      "30",
      "--batch",
      "64",
      "--out",
      run
    };
    assertThat(sluice(arguments)).as(err).isZero();
    assertThat(out).contains("cross-layer.json");
    assertThat(config().at("/kind/type").asText()).isEqualTo("cross-layer-transcoder");
    assertThat(sluice("evaluate", "--dictionary", run, "--store", store)).as(err).isZero();
    assertThat(out)
        .contains("of " + LayeredStore.WRITES.get(0), "of " + LayeredStore.WRITES.get(1));
  }

  @Test
  void resumesWithTheSettingsOfTheRun() throws IOException {
    TrainingConfig config =
        TrainingConfig.of(SyntheticStore.HOOK)
            .features(64)
            .k(4)
            .batch(32)
            .steps(30)
            .checkpointEvery(10)
            .logEvery(5)
            .build();
    EngineFactory engines = EngineFactory.named("auto", Device.CPU);
    class Stop extends RuntimeException {
      private static final long serialVersionUID = 1;
    }
    try (Trainer trainer =
        Trainer.start(
            ActivationStore.open(Path.of(store)), config, engines, "broken", Path.of(run))) {
      trainer.run(
          new TrainingListener() {
            @Override
            public void stepped(long step, long tokens) {
              if (step == 17) {
                throw new Stop();
              }
            }
          });
    } catch (Stop e) {
      assertThat(Path.of(run, "dictionary.json")).doesNotExist();
    }
    assertThat(sluice("train", "--resume", "--out", run, "--json")).as(err).isZero();
    assertThat(new ObjectMapper().readTree(out).get("tokens").asInt()).isEqualTo(30 * 32);
    assertThat(Path.of(run, "dictionary.json")).exists();
    assertThat(Files.readAllLines(Path.of(run, "metrics.jsonl"))).hasSize(6);
  }

  @Test
  void failuresAreOneLineAndStatusOne() throws IOException {
    assertThat(sluice("train", "--store", store, "--hook", "layers.4.z", "--out", run))
        .isEqualTo(1);
    assertOneLine("layers.4.z", SyntheticStore.HOOK);

    assertThat(sluice("train", "--store", temp + "/none", "--hook", "x", "--out", run))
        .isEqualTo(1);
    assertOneLine(temp + "/none");

    assertThat(sluice("train", "--resume", "--out", temp + "/none")).isEqualTo(1);
    assertOneLine("no run to resume");

    assertThat(train()).isZero();
    assertThat(train()).isEqualTo(1);
    assertOneLine(run, "--resume");
    assertThat(sluice("train", "--resume", "--out", run)).isEqualTo(1);
    assertOneLine(run, "complete");

    Files.write(Path.of(run, "dictionary.safetensors"), new byte[100]);
    assertThat(sluice("evaluate", "--dictionary", run, "--store", store)).isEqualTo(1);
    assertOneLine("dictionary.safetensors");
  }

  @Test
  void aRunThatCannotBeginLeavesNothing() throws IOException {
    assertThat(train("--from-position", "99")).isEqualTo(1);
    assertOneLine("rows is selected", "begin at an earlier position");
    assertThat(Path.of(run)).doesNotExist();
    Path sweep = Files.createDirectory(Path.of(run)).resolve("sweep.json");
    Files.writeString(sweep, "{}");
    assertThat(train()).isEqualTo(1);
    assertOneLine(run + ": holds a sweep already; choose another folder");
    assertThat(Path.of(run, "run.json")).doesNotExist();
    assertThat(sweep).exists();
  }

  @Test
  void aRunOnItsWayHasNoDictionaryYet() throws IOException {
    assertThat(train()).isZero();
    Files.delete(Path.of(run, "dictionary.json"));
    assertThat(sluice("evaluate", "--dictionary", run, "--store", store)).isEqualTo(1);
    assertOneLine("a run writes its dictionary at its end");
  }

  @Test
  void badUsageIsOneLineAndStatusTwo() {
    assertThat(sluice("train", "--out", run)).isEqualTo(2);
    assertOneLine("--store", "--hook");
    assertThat(train("--k", "65")).isEqualTo(2);
    assertOneLine("65", "64");
    assertThat(train("--init", "magic")).isEqualTo(2);
    assertOneLine("magic");
    assertThat(train("--optimiser", "sgd")).isEqualTo(2);
    assertOneLine("sgd");
    assertThat(train("--moments", "float16")).isEqualTo(2);
    assertOneLine("float16", "float32, bfloat16");
    assertThat(train("--engine", "warp")).isEqualTo(2);
    assertOneLine("warp");
    assertThat(train("--hook", ",")).isEqualTo(2);
    assertOneLine("--hook has an empty name");
    assertThat(train("--device", "tpu")).isEqualTo(2);
    assertOneLine("tpu");
    assertThat(train("--tokens", "10", "--steps", "10")).isEqualTo(2);
    assertOneLine("--steps", "--tokens");
    assertThat(train("--tokens", "-1")).isEqualTo(2);
    assertOneLine("--tokens must be at least 1, not -1");
    assertThat(Path.of(run)).doesNotExist();
  }

  @Test
  void goesOnFromADictionaryAndKeepsWhatItIsAskedTo() throws IOException {
    String further = temp.resolve("further").toString();
    String[] from = {
      "train",
      "--store",
      store,
      "--from",
      run,
      "--steps",
      "20",
      "--batch",
      "32",
      "--out",
      further,
      "--checkpoint-every",
      "10",
      "--keep-checkpoints",
      "2",
      "--tensorboard"
    };
    assertThat(train("--activation", "batchtopk", "--k", "5", "--no-centre")).as(err).isZero();
    assertThat(sluice(from)).as(err).isZero();
    run = further;
    assertThat(config().get("init").asText()).isEqualTo("dictionary");
    assertThat(config().get("activation").asText()).isEqualTo("batchtopk");
    assertThat(config().get("k").asInt()).isEqualTo(5);
    assertThat(config().get("centre").asBoolean()).isFalse();
    assertThat(config().get("features").asInt()).isEqualTo(64);
    try (Stream<Path> files = Files.list(Path.of(run))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .filteredOn(name -> name.startsWith("checkpoint-") || name.startsWith("events."))
          .hasSize(3)
          .anyMatch(name -> name.startsWith("events.out.tfevents."));
    }
    String checkpoint = Path.of(run, "checkpoint-000000010.safetensors").toString();
    String early = temp.resolve("early").toString();
    assertThat(sluice("convert", "--dictionary", checkpoint, "--to", "sluice", "--out", early))
        .as(err)
        .isZero();
    assertThat(out).startsWith("checkpoint-000000010.safetensors to sluice: 64 features");
    assertThat(sluice("evaluate", "--dictionary", early, "--store", store, "--engine", "reference"))
        .as(err)
        .isZero();
    String saelens = temp.resolve("saelens").toString();
    assertThat(sluice("convert", "--dictionary", checkpoint, "--to", "saelens", "--out", saelens))
        .as(err)
        .isZero();
    from[4] = saelens;
    from[10] = temp.resolve("theirs").toString();
    assertThat(sluice(from)).as(err).isZero();
    assertThat(sluice("convert", "--dictionary", saelens, "--to", "sluice", "--out", saelens))
        .as(err)
        .isZero();
    from[10] = temp.resolve("both").toString();
    assertThat(sluice(from)).as(err).isZero();
    from[4] = checkpoint;
    from[10] = temp.resolve("none").toString();
    assertThat(sluice(from)).isEqualTo(1);
    assertOneLine(checkpoint, "is a checkpoint; make a dictionary of it with 'sluice convert");
  }

  @Test
  void whatOnlyTheDictionaryCanSayIsRefusedBesideIt() throws IOException {
    assertThat(train()).as(err).isZero();
    String other = temp.resolve("other").toString();
    for (String option : List.of("--features=32", "--init=random", "--no-norm-search", "--skip")) {
      assertThat(sluice("train", "--store", store, "--from", run, "--out", other, option))
          .isEqualTo(2);
      assertOneLine("--from starts with the parameters of a dictionary; leave out --");
    }
    assertThat(
            sluice(
                "train", "--store", store, "--from", run, "--out", other, "--activation", "relu"))
        .isEqualTo(2);
    assertOneLine("activation relu needs a penalty");
    assertThat(sluice("train", "--store", store, "--from", run, "--out", store)).isEqualTo(2);
    assertOneLine("--out is the store's own folder; name another one");
    assertThat(sluice("features", "--dictionary", run, "--store", store, "--out", store))
        .isEqualTo(2);
    assertOneLine("--out is the store's own folder; name another one");
    String sparsify = temp.resolve("sparsify").toString();
    assertThat(sluice("convert", "--dictionary", run, "--to", "sparsify", "--out", sparsify))
        .as(err)
        .isZero();
    assertThat(sluice("train", "--store", store, "--from", sparsify, "--out", other)).isEqualTo(2);
    assertOneLine(sparsify, "does not say which hook point it is of; give --hook");
    assertThat(sluice("train", "--store", store, "--from", store, "--out", other)).isOne();
    assertOneLine(store);
    assertThat(Path.of(other)).doesNotExist();
  }

  private int train(String... more) {
    List<String> given = List.of(more);
    List<String> arguments =
        new ArrayList<>(
            List.of("train", "--store", store, "--features", "64", "--batch", "32", "--out", run));
    if (!given.contains("--hook")) {
      arguments.addAll(List.of("--hook", SyntheticStore.HOOK));
    }
    if (!given.contains("--k")) {
      arguments.addAll(List.of("--k", "4"));
    }
    if (!given.contains("--engine")) {
      arguments.addAll(List.of("--engine", "reference"));
    }
    if (!given.contains("--steps") && !given.contains("--tokens")) {
      arguments.addAll(List.of("--steps", "30"));
    }
    arguments.addAll(given);
    return sluice(arguments.toArray(String[]::new));
  }

  private int sluice(String... arguments) {
    StringWriter output = new StringWriter();
    StringWriter errors = new StringWriter();
    int status = Main.run(new PrintWriter(output), new PrintWriter(errors), arguments);
    out = output.toString();
    err = errors.toString();
    return status;
  }

  private JsonNode config() throws IOException {
    return new ObjectMapper().readTree(Path.of(run, "run.json").toFile()).get("config");
  }

  private void assertOneLine(String... parts) {
    assertThat(err.lines()).as(err).hasSize(1);
    assertThat(err).contains(parts);
  }
}
