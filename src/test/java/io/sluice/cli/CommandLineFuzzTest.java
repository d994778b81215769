package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.features.SyntheticFeatures;
import io.sluice.testing.Seeds;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Every option of every command with values that nobody should give: missing, empty, negative,
 * huge, no numbers, control characters, files for folders and folders for files. Each ends with
 * status 0, or with one line and status 1 or 2; none is an internal error, and none hangs.
 *
 * <p>The options come from the commands themselves, so a new one is tried without being named here.
 * There is one command line to twenty mutations of a file, as the system property {@code
 * sluice.mutations} says; {@code sluice.fuzz.show} prints them.
 */
@Tag("fuzz")
class CommandLineFuzzTest {
  private static final int LINES = Integer.getInteger("sluice.mutations", 4000) / 20;
  private static final Path MODELS = Path.of("src/test/resources/golden/model").toAbsolutePath();

  /** Numbers of these are how long a command is to work. */
  private static final Set<String> DURATIONS =
      Set.of("--steps", "--tokens", "--calls", "--rounds", "--contexts");

  private static final List<String> NUMBERS =
      List.of(
          "",
          " ",
          "-1",
          "0",
          "1",
          "2",
          "3",
          "7",
          "16",
          "17",
          "1000",
          "65537",
          "100000000",
          "2147483646",
          "2147483647",
          "-2147483648",
          "2147483648",
          "9223372036854775807",
          "9223372036854775808",
          "-9223372036854775808",
          "0.5",
          "1_000",
          "1,000",
          "+5",
          "5 ",
          "0x10",
          "12ab",
          "NaN",
          "1e3",
          "a\u0000b",
          "\u001b[31m",
          "--",
          "@none");

  private static final List<String> REALS =
      List.of(
          "",
          " ",
          "-1",
          "0",
          "1",
          "-0.0",
          "0.5",
          "0.999999999999",
          "1.0000001",
          "1e30",
          "1e38",
          "1e308",
          "1e309",
          "1e-320",
          "-1e-9",
          "NaN",
          "-NaN",
          "Infinity",
          "-Infinity",
          "0x1p3",
          "1,5",
          "5 ",
          "12ab",
          "3f",
          "a\u0000b",
          "\u001b[31m",
          "--");

  private static final List<String> WORDS =
      List.of(
          "",
          " ",
          "-1",
          "0",
          "1",
          "2147483648",
          "NaN",
          "abc",
          "null",
          "true",
          "auto",
          "a\u0000b",
          "\u001b[31mred",
          "a\nb",
          "\u202eabc",
          "\ud800",
          "x".repeat(5000),
          "%s%n%d",
          "'",
          "\"",
          "*",
          "[",
          "(?",
          "**",
          "layers.999999999.attn_out",
          "layers.99999999999.resid",
          "layers.-1.resid",
          "layers.*.*",
          "layers.0.attn_out",
          "layers.0.attn_out,",
          "layers.0",
          "layers.0.attn_out,layers.0.attn_out",
          "layers.1.resid",
          ",",
          "a,,b",
          "1,2",
          "0,0",
          "1,9999999999",
          "=",
          "k=",
          "=4",
          "k=0",
          "k=4,4",
          "k=99",
          "features=0",
          "features=1",
          "features=2147483647",
          "init=asi,asi",
          "seed=NaN",
          "lr=NaN",
          "tau=2",
          "dead-window=0",
          "cuda",
          "cuda:99",
          "cuda:-1",
          "cuda:x",
          "cpu:7",
          "meta",
          "-",
          "--",
          "@none",
          "8G",
          "0G",
          "999999999T",
          "float16",
          "bfloat16",
          "random",
          "asi",
          "topk",
          "jumprelu",
          "gated",
          "torch",
          "reference",
          "saelens",
          "sparsify",
          "sluice",
          "each",
          "linear",
          "encode-one",
          "step");

  @TempDir private Path temp;
  private Path store;
  private Path attention;
  private Path text;
  private Path run;
  private Path sweep;
  private Path lorsa;
  private Path drawnFeatures;
  private Path statistics;
  private Path spectrum;
  private Path losses;
  private Path model;

  /** A copy of these, which may be written over. */
  private Path odd;

  private int outputs;

  @BeforeEach
  void makeInputs() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    store = temp.resolve("store");
    attention = temp.resolve("attention");
    text = Files.writeString(temp.resolve("text.txt"), "call me ishmael. the sea. ".repeat(60));
    run = temp.resolve("run");
    sweep = temp.resolve("sweep");
    lorsa = temp.resolve("lorsa");
    statistics = temp.resolve("statistics.safetensors");
    spectrum = temp.resolve("spectrum.json");
    losses = temp.resolve("losses.json");
    Files.createDirectories(temp.resolve("empty"));
    drawnFeatures = SyntheticFeatures.write(temp.resolve("features"), 8).path();
    make(with(base("capture"), "--out", store));
    make(
        with(
            base("capture"),
            "--hooks",
            "layers.0.attn_in,layers.0.attn_out",
            "--special-tokens",
            "--out",
            attention));
    make(with(base("train"), "--out", run));
    make(with(base("sweep"), "--out", sweep));
    make(with(base("lorsa train"), "--out", lorsa));
    make(with(base("spectrum"), "--stats", statistics, "--out", spectrum));
    make(with(base("loss"), "--out", losses));
    odd = temp.resolve("odd");
    model = Files.copy(MODELS.resolve("gguf/llama.gguf"), temp.resolve("llama.gguf"));
  }

  @Test
  void everyOptionTakesAnyValueOrRefusesItInOneLine() throws Exception {
    Random random = new Random(Seeds.seed());
    List<List<String>> lines = new ArrayList<>();
    for (CommandLine command : leaves(Main.commandLine())) {
      String name = command.getCommandSpec().qualifiedName().replaceFirst("^sluice ", "");
      for (OptionSpec option : command.getCommandSpec().options()) {
        for (List<String> odd : odd(option)) {
          List<String> line = new ArrayList<>(List.of(name));
          line.addAll(odd);
          lines.add(line);
        }
      }
    }
    assertThat(lines).hasSizeGreaterThan(3000);
    for (int i = 0; i < LINES; i++) {
      List<String> line = lines.get(random.nextInt(lines.size()));
      List<String> arguments = base(line.getFirst());
      replace(arguments, line.subList(1, line.size()));
      if (random.nextInt(4) == 0) {
        // Another odd option of the same command beside it.
        List<List<String>> others =
            lines.stream().filter(each -> each.getFirst().equals(line.getFirst())).toList();
        List<String> other = others.get(random.nextInt(others.size()));
        replace(arguments, other.subList(1, other.size()));
      }
      renewOutputs();
      CommandCheck.endsWell(arguments, "");
    }
  }

  /** The option as it may be given wrongly: each time the words to put on the command line. */
  private List<List<String>> odd(OptionSpec option) {
    String name = option.longestName();
    List<List<String>> all = new ArrayList<>();
    if (name.equals("--help") || name.equals("--stacktrace") || name.equals("--overwrite")) {
      return all;
    }
    all.add(List.of(name));
    if (option.arity().max() == 0) {
      all.add(List.of(name + "="));
      all.add(List.of(name + "=maybe"));
      return all;
    }
    all.add(List.of(name + "="));
    boolean path =
        option.type() == Path.class || Arrays.asList(option.auxiliaryTypes()).contains(Path.class);
    Class<?> type = option.type();
    List<String> values =
        path
            ? paths()
            : type == double.class || type == Double.class
                ? REALS
                : type == int.class
                        || type == Integer.class
                        || type == long.class
                        || type == Long.class
                    ? NUMBERS
                    : WORDS;
    for (String value : values) {
      boolean huge = value.length() > 4 && value.matches("[0-9]+");
      if (!(huge && DURATIONS.contains(name))) {
        all.add(List.of(name, value));
      }
    }
    return all;
  }

  /** All of them below the test's own folder, where commands may write what they like. */
  private List<String> paths() {
    List<String> all = new ArrayList<>(List.of("", "a\u0000b"));
    for (String below :
        List.of(
            "none",
            "none/below",
            "empty",
            "store",
            "run",
            "sweep",
            "lorsa",
            "text.txt",
            "text.txt/below",
            "statistics.safetensors",
            "spectrum.json",
            "losses.json",
            "*",
            "[",
            "**",
            "new\u001b[31m\nline",
            "\u202ename",
            "x".repeat(300),
            "y/".repeat(2500),
            "-1",
            "run/run.json",
            "llama.gguf",
            "store/.manifest.json",
            "run/dictionary.safetensors",
            "sweep/cells")) {
      all.add(odd + "/" + below);
    }
    return all;
  }

  /** A command line that works, with a new name for what it writes. */
  private List<String> base(String command) {
    Path out = temp.resolve("out-" + outputs++);
    Path llama = MODELS.resolve("causal/tiny-llama");
    List<Object> options =
        switch (command) {
          case "doctor" -> List.of();
          case "capture" -> List.of("--model", llama, "--text", text, "--out", out);
          case "spectrum" -> List.of("--store", store);
          case "train" ->
              List.of(
                  "--store",
                  store,
                  "--hook",
                  "layers.0.attn_out",
                  "--features",
                  "16",
                  "--k",
                  "2",
                  "--batch",
                  "16",
                  "--steps",
                  "3",
                  "--out",
                  out);
          case "sweep" ->
              List.of(
                  "--store",
                  store,
                  "--hook",
                  "layers.0.attn_out",
                  "--vary",
                  "features=16",
                  "--vary",
                  "k=2",
                  "--batch",
                  "16",
                  "--steps",
                  "3",
                  "--out",
                  out);
          case "evaluate" -> List.of("--dictionary", run, "--store", store);
          case "lorsa train" ->
              List.of(
                  "--store",
                  attention,
                  "--model",
                  llama,
                  "--layer",
                  "0",
                  "--heads",
                  "24",
                  "--k",
                  "2",
                  "--contexts",
                  "1",
                  "--steps",
                  "2",
                  "--out",
                  out);
          case "lorsa evaluate" -> List.of("--lorsa", lorsa, "--store", attention);
          case "loss" ->
              List.of(
                  "--model",
                  llama,
                  "--text",
                  text,
                  "--store-stats",
                  statistics,
                  "--hook",
                  "layers.0.attn_out",
                  "--ks",
                  "2",
                  "--out",
                  out);
          case "generate" -> List.of("--model", llama, "--prompt", "call", "--tokens", "2");
          case "convert" -> List.of("--dictionary", run, "--to", "sparsify", "--out", out);
          case "report" -> List.of("--run", run, "--spectrum", spectrum, "--out", out);
          case "browse" -> List.of("--features", drawnFeatures, "--html", out);
          case "bench" -> List.of("load", "--model", llama, "--rounds", "1", "--calls", "1");
          case "demo" ->
              List.of(
                  "--model",
                  MODELS.resolve("tiny-bert"),
                  "--text",
                  text,
                  "--tokens",
                  "64",
                  "--hook",
                  "layers.0.attn_out",
                  "--features",
                  "16",
                  "--k",
                  "2",
                  "--steps",
                  "2",
                  "--batch",
                  "16",
                  "--out",
                  out);
          // A new command is tried as it is, until it gets a line of its own here.
          default -> List.of();
        };
    List<String> line = new ArrayList<>(List.of(command.split(" ")));
    options.forEach(each -> line.add(each.toString()));
    return line;
  }

  /** Puts {@code odd} in the place of the same option, or behind all. */
  private static void replace(List<String> arguments, List<String> odd) {
    String name = odd.getFirst().replaceFirst("=.*", "");
    int at = arguments.indexOf(name);
    if (at >= 0) {
      arguments.remove(at);
      if (at < arguments.size() && !arguments.get(at).startsWith("--")) {
        arguments.remove(at);
      }
    }
    arguments.addAll(odd);
  }

  private static List<String> with(List<String> base, Object... options) {
    List<String> all = new ArrayList<>(base);
    for (int i = 0; i < options.length; i++) {
      String word = options[i].toString();
      int at = all.indexOf(word);
      if (word.startsWith("--") && at >= 0) {
        all.remove(at);
        all.remove(at);
      }
      all.add(word);
    }
    return all;
  }

  private static void make(List<String> arguments) {
    StringWriter err = new StringWriter();
    assertThat(Main.run(new StringWriter(), err, arguments.toArray(String[]::new)))
        .as(arguments + "\n" + err)
        .isZero();
  }

  /** Each line finds the same files: what the one before has written is gone. */
  private void renewOutputs() throws IOException {
    List<Path> inputs =
        List.of(
            store,
            run,
            sweep,
            lorsa,
            text,
            statistics,
            spectrum,
            losses,
            model,
            temp.resolve("empty"));
    try (Stream<Path> entries = Files.list(temp)) {
      for (Path entry : entries.filter(each -> !inputs.contains(each)).toList()) {
        if (!entry.equals(attention)) {
          remove(entry);
        }
      }
    }
    Files.createDirectories(odd);
    for (Path input : inputs) {
      try (Stream<Path> all = Files.walk(input)) {
        for (Path each : all.toList()) {
          Files.copy(each, odd.resolve(temp.relativize(each)));
        }
      }
    }
  }

  private static void remove(Path entry) throws IOException {
    try (Stream<Path> all = Files.walk(entry)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }

  private static List<CommandLine> leaves(CommandLine line) {
    return line.getSubcommands().isEmpty()
        ? List.of(line)
        : line.getSubcommands().values().stream().flatMap(each -> leaves(each).stream()).toList();
  }
}
