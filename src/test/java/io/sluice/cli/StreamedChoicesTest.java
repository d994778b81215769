package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.store.ActivationStore;
import io.sluice.store.Shard;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code train --model} can be told of starts, tokens and texts, beside a store. */
@Tag("slow")
class StreamedChoicesTest extends StreamedCommands {
  private static final String TEMPLATE =
      "{% for message in messages %}{{ message.role }} : {{ message.content }}{{ eos_token }}"
          + "{% endfor %}";
  private static final String SHORT = " --features 64 --k 4 --batch 100 --steps 60 --seed 5 ";

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--hook layers.1.resid",
        "--hook layers.1.resid --activation batchtopk --no-centre",
        "--hook layers.0.resid --target layers.1.mlp_out --skip",
        "--hook layers.0.resid,layers.2.resid",
        "--hook layers.0.resid,layers.1.resid --target layers.1.mlp_out,layers.2.mlp_out",
      })
  void aDictionaryIsTrainedFurtherAsOnAStore(String kind) throws IOException {
    String source = " --model " + model() + " --text " + text + " --tokens 4000 ";
    Path store = folder.resolve("store");
    ok("capture --hooks layers.*.* --out " + store + source);
    Path first = folder.resolve("first");
    ok("train --store " + store + SHORT + kind + " --out " + first);
    String further = "train --from " + first + " --lr 0.0003 --batch 100 --steps 40 --out ";
    Path stored = folder.resolve("stored");
    ok(further + stored + " --store " + store);
    Path streamed = folder.resolve("streamed");
    ok(further + streamed + source);
    requireSameRun(streamed, stored);
    assertThat(Files.mismatch(weights(first), weights(streamed))).isNotNegative();
    // Of a run without a checkpoint, the dictionary is read again.
    Path again = folder.resolve("again");
    ok(further + again + source + " --checkpoint-every 0");
    requireSameRun(again, stored);
  }

  private static Path weights(Path run) throws IOException {
    return run.resolve(allWeights(run).getFirst());
  }

  /** Those of all layers. */
  private static List<Path> allWeights(Path run) throws IOException {
    try (Stream<Path> files = Files.walk(run)) {
      return files
          .filter(file -> file.toString().endsWith(".safetensors"))
          .map(run::relativize)
          .sorted()
          .toList();
    }
  }

  private static void requireSameRun(Path actual, Path expected) throws IOException {
    List<Path> files = allWeights(expected);
    assertThat(allWeights(actual)).isEqualTo(files).isNotEmpty();
    for (Path file : files) {
      assertThat(actual.resolve(file)).hasSameBinaryContentAs(expected.resolve(file));
    }
    for (String number : List.of("heldOutTokens", "heldOutFvu", "fvu", "l0", "loss")) {
      assertThat(result(actual).get(number)).as(number).isEqualTo(result(expected).get(number));
    }
  }

  @Test
  void oneDictionaryIsTrainedFurtherAtATime() {
    Path first = folder.resolve("first");
    ok(windowed(first));
    List<String> words = windowed(folder.resolve("run"));
    words.removeAll(List.of("--features", "64"));
    words.addAll(List.of("--from", first.resolve(HOOKS.getFirst()).toString()));
    err.getBuffer().setLength(0);
    assertThat(sluice(words)).isEqualTo(2);
    assertThat(err.toString().lines()).singleElement().asString().contains("--from is for one");
    assertThat(folder.resolve("run")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--exclude-ids 3,9",
        "--max-norm-multiple 1.1",
        "--exclude-ids 3,9 --max-norm-multiple 1.1 --dtype float16",
      })
  void aRuleLeavesOutTheTokensThatItDoesOfAStore(String rule) throws IOException {
    String source = " --model " + model() + " --text " + text + " --tokens 6000 ";
    Path store = folder.resolve("store");
    ok("capture --hooks layers.*.* --out " + store + source + rule);
    List<String> kinds =
        List.of("--hook layers.1.attn_out", "--hook layers.0.resid --target layers.2.mlp_out");
    for (int i = 0; i < kinds.size(); i++) {
      Path stored = folder.resolve("stored" + i);
      ok("train --store " + store + SHORT + kinds.get(i) + " --out " + stored);
      Path streamed = folder.resolve("streamed" + i);
      ok("train " + source + rule + SHORT + kinds.get(i) + " --out " + streamed);
      requireSameRun(streamed, stored);
      Path without = folder.resolve("without" + i);
      ok("train " + source + SHORT + kinds.get(i) + " --out " + without);
      assertThat(Files.mismatch(weights(without), weights(streamed))).isNotNegative();
    }
    // Each dictionary leaves out what it would alone.
    Path both = folder.resolve("both");
    ok(
        "train "
            + source
            + rule
            + SHORT
            + kinds.getFirst()
            + " --hook layers.2.resid --out "
            + both);
    requireSameRun(both.resolve("layers.1.attn_out"), folder.resolve("stored0"));
  }

  @Test
  void stepsAreCountedWithoutTheTokensThatAreLeftOut() throws IOException {
    Path store = folder.resolve("store");
    ok("capture --hooks layers.1.resid --out " + store + " --model " + model() + " --text " + text);
    Path run = folder.resolve("run");
    List<String> words =
        windowed(run, "--held-out", "0", "--exclude-ids", "3,9", "--max-norm-multiple", "1.3");
    words.subList(words.indexOf("--steps"), words.indexOf("--steps") + 2).clear();
    ok(words);
    Matcher said =
        Pattern.compile("in (\\d+) windows of ([\\d,]+),.* one pass is (\\d+) steps")
            .matcher(err.toString());
    assertThat(said.find()).as(err.toString()).isTrue();
    int[] used = new int[Integer.parseInt(said.group(1))];
    int perWindow = Integer.parseInt(said.group(2).replace(",", ""));
    int row = 0;
    for (Shard shard : ActivationStore.open(store).shards()) {
      int[] ids = shard.data(Column.TOKEN_ID).toArray(ValueLayout.JAVA_INT_UNALIGNED);
      int[] positions = shard.data(Column.POSITION).toArray(ValueLayout.JAVA_INT_UNALIGNED);
      for (int i = 0; i < ids.length; i++, row++) {
        used[row / perWindow] += ids[i] != 3 && ids[i] != 9 && positions[i] > 0 ? 1 : 0;
      }
    }
    int steps = 0;
    for (int each : used) {
      steps += each / 128;
    }
    assertThat(used).hasSizeGreaterThan(2);
    assertThat(Integer.parseInt(said.group(3))).isEqualTo(steps);
    assertThat(result(run.resolve("layers.2.resid")).get("steps").asInt()).isEqualTo(steps);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--exclude-ids 3,9 --max-norm-multiple 1.2",
        "--text-as token-ids --text-field ids",
        "--text-as chat",
        "--from",
      })
  void aKilledRunOfSeveralWindowsEndsInTheSameDictionaries(String choice) throws Exception {
    List<String> more = new ArrayList<>(List.of(choice.split(" ")));
    List<String> source = new ArrayList<>();
    if (choice.contains("token-ids")) {
      source.addAll(List.of("--text", tokenIds().toString()));
    } else if (choice.contains("chat")) {
      source.addAll(List.of("--text", chats().toString(), "--model", chatModel().toString()));
    }
    Path whole = folder.resolve("whole");
    if (choice.equals("--from")) {
      Path first = folder.resolve("first");
      ok(windowed(first));
      more = List.of("--from", first.resolve("layers.2.resid").toString());
    }
    List<String> words = chosen(whole, source, more);
    ok(words);
    Path killed = folder.resolve("killed");
    String own = choice.equals("--from") ? "." : "layers.2.resid";
    words = chosen(killed, source, more);
    for (int step : List.of(10, 80)) {
      killed(words, () -> newestCheckpoint(killed.resolve(own)) >= step);
      assertThat(killed.resolve(own).resolve(DICTIONARY)).doesNotExist();
      words = resume(killed);
    }
    ok(words);
    assertThat(killed.resolve(own).resolve(DICTIONARY))
        .hasSameBinaryContentAs(whole.resolve(own).resolve(DICTIONARY));
  }

  /** Options of a run in windows with others in their place. */
  private List<String> chosen(Path into, List<String> source, List<String> more) {
    List<String> words = windowed(into);
    for (int i = 0; i < source.size(); i += 2) {
      words.set(words.indexOf(source.get(i)) + 1, source.get(i + 1));
    }
    if (more.contains("--from")) {
      for (String gone : List.of("--features", "--hook", "--hook")) {
        int at = words.indexOf(gone);
        words.subList(at, at + 2).clear();
      }
    }
    words.addAll(more);
    words.set(words.indexOf("--steps") + 1, "400");
    return words;
  }

  /** Lists of token ids, of different lengths. */
  private Path tokenIds() throws IOException {
    StringBuilder lines = new StringBuilder();
    int next = 1;
    for (int list = 0; list < 200; list++) {
      lines.append("{\"ids\": [").append(list % 48);
      for (int i = 0; i < 10 + list % 70; i++) {
        next = (next * 29 + list) % 47;
        lines.append(", ").append(next);
      }
      lines.append("]}\n");
    }
    return Files.writeString(folder.resolve("ids.jsonl"), lines);
  }

  private Path chats() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int chat = 0; chat < 200; chat++) {
      lines
          .append("{\"messages\": [{\"role\": \"user\", \"content\": \"")
          .append(words(10 + chat % 20, chat))
          .append("\"}, {\"role\": \"assistant\", \"content\": \"")
          .append(words(20, -chat))
          .append("\"}]}\n");
    }
    return Files.writeString(folder.resolve("chats.jsonl"), lines);
  }

  /** The model with a chat template. */
  private Path chatModel() throws IOException {
    Path place = Files.createDirectories(folder.resolve("chat-model"));
    try (Stream<Path> files = Files.list(Path.of(model()))) {
      for (Path file : files.toList()) {
        Files.copy(file, place.resolve(file.getFileName()));
      }
    }
    ObjectMapper json = new ObjectMapper();
    ObjectNode config = json.createObjectNode().put("eos_token", "</s>");
    Files.writeString(
        place.resolve("tokenizer_config.json"), config.put("chat_template", TEMPLATE).toString());
    ObjectNode tokenizer = (ObjectNode) json(place.resolve("tokenizer.json"));
    ArrayNode added = tokenizer.putArray("added_tokens");
    ObjectNode end = added.addObject().put("id", 1).put("content", "</s>").put("special", true);
    List.of("single_word", "lstrip", "rstrip", "normalized").forEach(flag -> end.put(flag, false));
    Files.writeString(place.resolve("tokenizer.json"), tokenizer.toString());
    return place;
  }

  @Test
  void textsOfEachFormGiveTheDictionaryOfAStore() throws IOException {
    String plain = " --model " + model() + " --text ";
    List<String> sources =
        List.of(
            plain + tokenIds() + " --text-as token-ids --text-field ids --exclude-ids 4",
            " --model " + chatModel() + " --text-as chat --text " + chats(),
            plain + text + " --stride 20 --context 32 --bos");
    for (int i = 0; i < sources.size(); i++) {
      Path store = folder.resolve("store" + i);
      ok("capture --hooks layers.1.resid --out " + store + sources.get(i));
      Path stored = folder.resolve("stored" + i);
      ok("train --hook layers.1.resid --store " + store + SHORT + " --out " + stored);
      Path streamed = folder.resolve("streamed" + i);
      ok("train --hook layers.1.resid" + sources.get(i) + SHORT + " --out " + streamed);
      requireSameRun(streamed, stored);
      JsonNode stream = json(streamed.resolve("stream.json"));
      assertThat(stream.get("rows").asLong()).isEqualTo(ActivationStore.open(store).rows());
    }
  }

  @Test
  void patternsAreKeptSoThatTheyAreFoundFromAnyFolder() throws IOException {
    Path run = folder.resolve("run");
    List<String> words = windowed(run);
    Path here = Path.of("").toAbsolutePath();
    words.set(words.indexOf("--text") + 1, here.relativize(folder).resolve("w*.txt").toString());
    words.set(words.indexOf("--steps") + 1, "10");
    ok(words);
    List<String> options = new ArrayList<>();
    json(run.resolve("stream.json")).get("options").forEach(word -> options.add(word.asText()));
    assertThat(options)
        .filteredOn(word -> word.startsWith("--text="))
        .singleElement()
        .asString()
        .startsWith("--text=" + here)
        .endsWith("w*.txt");
  }

  @Test
  void whatCannotBeReplayedIsRefusedInOneLine() {
    List<String> words = windowed(folder.resolve("run"));
    words.set(words.indexOf("--text") + 1, "-");
    refused(words, 2, "--text - is standard input, which cannot be read again");
    words.addAll(List.of("--stdin-format", "json"));
    refused(words, 2, "--text - is standard input, which cannot be read again");
    refused(windowed(folder.resolve("run"), "--exclude-ids", "48"), 1, "tiny-llama has 48 tokens");
    refused(windowed(folder.resolve("run"), "--exclude-ids", "-3"), 2, "has a negative id");
    refused(windowed(folder.resolve("run"), "--max-norm-multiple", "1"), 2, "a number above 1");
    String store = "train --store s --hook layers.1.resid --out r --exclude-ids 3";
    refused(List.of(store.split(" ")), 2, "--exclude-ids is about a model that runs");
    assertThat(folder.resolve("run")).doesNotExist();
  }

  private void refused(List<String> words, int status, String message) {
    err.getBuffer().setLength(0);
    assertThat(sluice(words)).as(err.toString()).isEqualTo(status);
    assertThat(err.toString().lines()).singleElement().asString().contains(message);
  }
}
