package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.store.ActivationStore;
import io.sluice.store.files.Column;
import io.sluice.testing.Seeds;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Hook points by the names of other libraries, in all commands that take one. */
@Tag("slow")
class HookNamesTest {
  private static final String MODEL = "src/test/resources/golden/model/causal/tiny-gpt2";
  private static final String THEIRS = "blocks.1.hook_resid_pre";
  private static final String OURS = "layers.0.resid";

  @TempDir private Path folder;
  private Path text;
  private Path store;
  private String out;
  private String err;

  @BeforeEach
  void capture() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    text =
        Files.writeString(
            folder.resolve("text.txt"),
            "call me ishmael . the white whale of the sea , ".repeat(20));
    store = folder.resolve("store");
    ok(
        "capture",
        "--model",
        MODEL,
        "--text",
        text,
        "--context",
        16,
        "--hooks",
        THEIRS,
        "--out",
        store);
    assertThat(ActivationStore.open(store).columns().getFirst().name()).isEqualTo(OURS);
  }

  @Test
  void aDictionaryThatCameWithSuchANameIsEvaluated() throws IOException {
    Path dictionary = dictionary(DictionaryFormat.SLUICE, "own", THEIRS);
    assertThat(Files.readString(dictionary.resolve("dictionary.json"))).contains(THEIRS);
    Path result = folder.resolve("evaluation.json");
    ok(
        "evaluate",
        "--dictionary",
        dictionary,
        "--store",
        store,
        "--model",
        MODEL,
        "--text",
        text,
        "--context",
        16,
        "--engine",
        "reference",
        "--out",
        result);
    assertThat(out).contains("recovered");
    assertThat(new ObjectMapper().readTree(result.toFile()).findValue("fvu").asDouble())
        .isPositive();
    ok("features", "--dictionary", dictionary, "--store", store, "--out", folder.resolve("found"));
    assertThat(Files.readString(folder.resolve("found").resolve("features.json"))).contains(OURS);
  }

  /** dictionary_learning names the module, and the folder is evaluated as it is. */
  @Test
  void aDictionaryOfAModuleIsEvaluated() throws IOException {
    Path learned = dictionary(DictionaryFormat.DICTIONARY_LEARNING, "learned", "transformer.h.0");
    assertThat(Files.readString(learned.resolve("config.json"))).contains("transformer.h.0");
    ok(
        "evaluate",
        "--dictionary",
        learned,
        "--store",
        store,
        "--model",
        MODEL,
        "--text",
        text,
        "--context",
        16,
        "--engine",
        "reference",
        "--out",
        folder.resolve("evaluation.json"));
    assertThat(out).contains("recovered");
  }

  @Test
  void convertAndCompareTakeThem() throws IOException {
    Path theirs = dictionary(DictionaryFormat.SAELENS, "theirs", THEIRS);
    Path again = folder.resolve("again");
    ok(
        "convert",
        "--dictionary",
        theirs,
        "--to",
        "sluice",
        "--out",
        again,
        "--hook",
        "transformer.h.2.mlp");
    assertThat(Files.readString(again.resolve("dictionary.json"))).contains("layers.2.mlp_out");
    ok(
        "compare",
        "--dictionary",
        theirs,
        "--dictionary",
        again,
        "--store",
        store,
        "--hook",
        "layers.1.resid_in",
        "--tokens",
        64,
        "--engine",
        "reference");
    assertThat(out).containsIgnoringCase("jaccard");
    assertThat(
            run(
                "compare",
                "--dictionary",
                theirs,
                "--dictionary",
                again,
                "--store",
                store,
                "--hook",
                "blocks.1.hook_resid_mid"))
        .isEqualTo(1);
    assertThat(err).contains("layers.1.resid_mid", "it has", OURS);
  }

  @Test
  void lossTakesThem() throws IOException {
    Path stats = folder.resolve("stats.safetensors");
    ok("spectrum", "--store", store, "--stats", stats, "--hooks", "transformer.h.0");
    ok(
        "loss",
        "--model",
        MODEL,
        "--text",
        text,
        "--context",
        16,
        "--store-stats",
        stats,
        "--hook",
        THEIRS,
        "--ks",
        "8");
    assertThat(out).contains(OURS + ": loss ");
    assertThat(
            run(
                "loss",
                "--model",
                MODEL,
                "--text",
                text,
                "--store-stats",
                stats,
                "--hook",
                "blocks.1.hook_attn_in"))
        .isEqualTo(1);
    assertThat(err).contains("blocks.1.hook_attn_in is none of", "hook_resid_pre").hasLineCount(1);
  }

  /** Keys of grouped heads have a width of their own; a dictionary there is a dictionary as any. */
  @Test
  void keysAndValuesAreCapturedTrainedOnAndReplaced() throws IOException {
    String llama = MODEL.replace("tiny-gpt2", "tiny-llama");
    Path heads = folder.resolve("heads");
    Path run = folder.resolve("run");
    ok(
        "capture",
        "--model",
        llama,
        "--text",
        text,
        "--context",
        16,
        "--hooks",
        "blocks.1.attn.hook_rot_k,layers.0.v,layers.1.q_pre_rope",
        "--out",
        heads);
    ActivationStore made = ActivationStore.open(heads);
    assertThat(made.columns().stream().map(Column::name))
        .containsExactly("layers.0.v", "layers.1.q_pre_rope", "layers.1.k");
    assertThat(made.columns().stream().map(Column::width)).containsExactly(16, 32, 16);
    ok(
        "train",
        "--store",
        heads,
        "--hook",
        "blocks.1.attn.hook_rot_k",
        "--features",
        32,
        "--k",
        4,
        "--steps",
        5,
        "--batch",
        64,
        "--out",
        run);
    ok(
        "evaluate",
        "--dictionary",
        run,
        "--store",
        heads,
        "--model",
        llama,
        "--text",
        text,
        "--context",
        16,
        "--engine",
        "reference");
    assertThat(out).contains("recovered");
  }

  /** A random dictionary whose files have the name of the other library. */
  private Path dictionary(DictionaryFormat format, String name, String hook) throws IOException {
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), 24, 24, 40);
    Random random = new Random(Seeds.seed());
    for (long i = 0; i < 40L * 24; i++) {
      float value = (float) random.nextGaussian();
      p.decoder().setAtIndex(DictionaryParameters.FLOAT, i, value);
      p.encoder().setAtIndex(DictionaryParameters.FLOAT, i, value);
    }
    DictionaryConfig config =
        new DictionaryConfig("tiny-gpt2", hook, hook, 24, 24, 40, new TopK(3), true, false);
    Path made = folder.resolve(name);
    format.write(new Dictionary(config, p), made);
    return made;
  }

  private void ok(Object... words) {
    assertThat(run(words)).as(err).isZero();
  }

  private int run(Object... words) {
    StringWriter output = new StringWriter();
    StringWriter errors = new StringWriter();
    String[] args = Stream.of(words).map(Object::toString).toArray(String[]::new);
    int status = Main.run(new PrintWriter(output), new PrintWriter(errors), args);
    out = output.toString();
    err = errors.toString();
    return status;
  }
}
