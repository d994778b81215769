package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConvertCommandTest {
  @TempDir private Path folder;
  private Path ours;
  private Path theirs;
  private String printed;
  private String err;

  @BeforeEach
  void save() throws IOException {
    ours = Files.createDirectories(folder.resolve("ours"));
    theirs = folder.resolve("theirs");
    dictionary(false).save(ours);
  }

  private static Dictionary dictionary(boolean scoreByDecoderNorm) {
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), 3, 3, 5);
    for (int i = 0; i < 15; i++) {
      p.encoder().setAtIndex(ValueLayout.JAVA_FLOAT, i, 1 + i);
      p.decoder().setAtIndex(ValueLayout.JAVA_FLOAT, i, 2 + i);
    }
    return new Dictionary(
        new DictionaryConfig(
            "tiny", "layers.0.z", "layers.0.z", 3, 3, 5, new TopK(2), true, scoreByDecoderNorm),
        p);
  }

  private int run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter errors = new StringWriter();
    int status = Main.run(new PrintWriter(out, true), new PrintWriter(errors, true), arguments);
    printed = out.toString();
    err = errors.toString();
    return status;
  }

  private int convert(Path from, String to, Path out, String... more) {
    String[] arguments = {
      "convert", "--dictionary", from.toString(), "--to", to, "--out", out.toString()
    };
    String[] all = Arrays.copyOf(arguments, arguments.length + more.length);
    System.arraycopy(more, 0, all, arguments.length, more.length);
    return run(all);
  }

  @Test
  void convertsThereAndBack() throws IOException {
    for (String format :
        new String[] {"saelens", "sparsify", "llamascopium", "dictionary_learning"}) {
      Path there = folder.resolve(format);
      Path back = folder.resolve(format + "-back");
      assertThat(convert(ours, format, there)).as(err).isZero();
      assertThat(printed).contains("sluice to " + format).contains("5 features").contains("topk");
      assertThat(convert(there, "sluice", back, "--model", "tiny", "--hook", "layers.0.z"))
          .as(err)
          .isZero();
      Dictionary again = Dictionary.load(back);
      assertThat(again.config().activation()).isEqualTo(new TopK(2));
      assertThat(again.config().inputHook()).isEqualTo("layers.0.z");
      assertThat(again.config().model()).isEqualTo("tiny");
      assertThat(again.parameters().decoder().mismatch(dictionary(false).parameters().decoder()))
          .isEqualTo(-1);
    }
  }

  @Test
  void saysWhereCodesChangeTheirUnit() throws IOException {
    Path ranked = Files.createDirectories(folder.resolve("ranked"));
    dictionary(true).save(ranked);
    assertThat(convert(ranked, "saelens", theirs)).as(err).isZero();
    assertThat(printed).contains("multiplied by the norm of their decoder row");
    assertThat(convert(ranked, "llamascopium", folder.resolve("llama"))).as(err).isZero();
    assertThat(printed).doesNotContain("multiplied");
  }

  @Test
  void thresholdsTakeThePlaceOfANumberAndWhatChangesIsSaid() throws IOException {
    Path store = folder.resolve("store");
    SyntheticStore.write(store, 600, DType.F32, 5);
    Path run = folder.resolve("run");
    String hook = SyntheticStore.HOOK;
    assertThat(
            run(
                "train",
                "--store",
                store.toString(),
                "--hook",
                hook,
                "--features",
                "48",
                "--k",
                "4",
                "--steps",
                "40",
                "--batch",
                "64",
                "--out",
                run.toString()))
        .as(err)
        .isZero();
    assertThat(convert(run, "saelens", theirs, "--activation", "jumprelu")).isEqualTo(2);
    assertThat(err).contains("--store");
    String[] wanted = {"--activation", "jumprelu", "--store", store.toString()};
    assertThat(convert(run, "saelens", theirs, wanted)).as(err).isZero();
    assertThat(printed).contains("jumprelu").containsPattern("L0 +[0-9.]+, was [0-9.]+");
    assertThat(printed).containsPattern("FVU +[0-9.]+, was [0-9.]+");
    assertThat(Files.readString(theirs.resolve("cfg.json"))).contains("\"jumprelu\"");
    Path other = folder.resolve("other");
    assertThat(convert(theirs, "sluice", other, wanted)).isEqualTo(1);
    assertThat(err).contains("not of jumprelu").hasLineCount(1);
    assertThat(other).doesNotExist();
  }

  @Test
  void errorsAreOneLineAndNothingIsWritten() throws IOException {
    assertThat(convert(ours, "pickle", theirs)).isEqualTo(2);
    assertThat(err).contains("unknown format 'pickle'").contains("dictionary_learning");
    assertThat(convert(folder.resolve("none"), "saelens", theirs)).isEqualTo(1);
    assertThat(err).contains("none").hasLineCount(1);
    assertThat(convert(ours, "saelens", theirs, "--from", "sparsify")).isEqualTo(1);
    assertThat(err).contains("cfg.json").hasLineCount(1);
    assertThat(convert(ours, "saelens", theirs, "--activation-scale", "-1")).isEqualTo(2);
    assertThat(err).contains("--activation-scale");
    assertThat(convert(ours, "dictionary_learning", theirs, "--output-hook", "layers.9.z"))
        .isEqualTo(1);
    assertThat(err).contains("transcoders").hasLineCount(1);
    assertThat(convert(ours, "saelens", theirs, "--hook", "attn_out")).isEqualTo(2);
    assertThat(err).contains("'attn_out' is not a hook point").contains("resid_mid, mlp_in");
    assertThat(convert(ours, "saelens", theirs, "--hook", "blocks.0.hook_x")).isEqualTo(1);
    assertThat(err).contains("blocks.0.hook_x is none of").contains("attn.hook_z").hasLineCount(1);
    assertThat(theirs).doesNotExist();
    Path normalising = Files.createDirectories(folder.resolve("normalising"));
    DictionaryConfig config =
        dictionary(false)
            .config()
            .withTokenNorm(Optional.of(new TokenNorm(TokenNorm.Kind.LAYER_NORM, true)));
    new Dictionary(config, dictionary(false).parameters()).save(normalising);
    assertThat(convert(normalising, "sparsify", theirs)).isEqualTo(1);
    assertThat(err).contains("normalise each token (layer_norm)").hasLineCount(1);
    assertThat(convert(normalising, "saelens", theirs, "--activation-scale", "2")).isEqualTo(1);
    assertThat(err).contains("leave out --activation-scale").hasLineCount(1);
    assertThat(theirs).doesNotExist();
    assertThat(convert(ours, "sluice", ours)).isEqualTo(1);
    assertThat(err).contains("already exists").hasLineCount(1);
  }

  @Test
  void saysThatTokensAreCentred() throws IOException {
    Path centred = Files.createDirectories(folder.resolve("centred"));
    DictionaryConfig config =
        dictionary(false)
            .config()
            .named("gpt2", "layers.0.resid", "layers.0.resid")
            .withTokenNorm(Optional.of(new TokenNorm(TokenNorm.Kind.CENTRED, true)));
    new Dictionary(config, dictionary(false).parameters()).save(centred);
    assertThat(convert(centred, "sparsify", theirs)).isEqualTo(1);
    assertThat(err).contains("normalise each token (centred)").hasLineCount(1);
    assertThat(convert(centred, "saelens", theirs, "--activation-scale", "2")).isZero();
    assertThat(printed).contains("centred    each token's own mean is subtracted");
    assertThat(theirs.resolve("cfg.json"))
        .content()
        .contains("\"center_writing_weights\" : true")
        .contains("\"normalize_activations\" : \"none\"");
  }
}
