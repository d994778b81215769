package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.store.ActivationStore;
import io.sluice.store.Shard;
import io.sluice.store.files.Column;
import io.sluice.testing.Python;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Conversations through a model's chat template. */
@Tag("slow")
class ChatCommandTest {
  private static final Path LLAMA = Path.of("src/test/resources/golden/model/causal/tiny-llama");
  private static final String TEMPLATE =
      "{{ bos_token }}{% for message in messages %}{% if message.role not in ['user', 'assistant'] %}"
          + "{{ raise_exception('no ' + message.role) }}{% endif %}{{ message.role }} : "
          + "{{ message.content | trim }}{{ eos_token }}{% endfor %}";

  @TempDir private Path folder;
  private Path model;
  private Path chats;
  private String form = "chat";
  private String err;

  @BeforeEach
  void copyModel() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    model = Files.createDirectory(folder.resolve("model"));
    try (Stream<Path> files = Files.list(LLAMA)) {
      for (Path file : files.toList()) {
        Files.copy(file, model.resolve(file.getFileName()));
      }
    }
    chats = folder.resolve("chats.jsonl");
    Files.writeString(
        chats,
        """
        {"messages": [{"role": "user", "content": " call me ishmael "}, {"role": "assistant", "content": "the white whale"}]}
        {"messages": [{"role": "system", "content": "the sea"}]}
        {"messages": [{"role": "user", "content": "the ship"}], "id": 3}
        {"messages": []}
        {"text": "the sea"}
        """);
  }

  @Test
  @Tag("python")
  void tokensAreThoseOfTransformersAndBosIsThereOnce() throws IOException {
    configure("<s>", "</s>");
    Path store = folder.resolve("store");
    assertThat(capture(store)).isEqualTo(1);
    assertThat(err)
        .contains("tokenizer.json: has '<s>' not among its added_tokens, but its chat template");
    addTokens("<s>", "</s>");
    assertThat(capture(store)).as(err).isZero();
    JsonNode expected = new ObjectMapper().readTree(Python.run("chat_tokens.py", model, chats));
    List<Integer> ids = new ArrayList<>();
    expected.forEach(each -> each.forEach(id -> ids.add(id.asInt())));
    assertThat(tokens(store)).isEqualTo(ids).hasSizeGreaterThan(8);
    assertThat(err)
        .contains("texts: 3 documents that cannot be read: ")
        .contains("chats.jsonl:2 is refused by the chat template: no system; ")
        .contains("chats.jsonl:4 has no messages; ")
        .contains("chats.jsonl:5 has no field 'messages', but 'text'");
    assertThat(ActivationStore.open(store).manifest().properties())
        .containsEntry("textAs", "chat")
        .doesNotContainKey("prependBos");
  }

  @Test
  void whatCannotBeRenderedIsRefused() throws IOException {
    Path store = folder.resolve("none");
    assertThat(capture(store)).isEqualTo(1);
    assertThat(err).contains("tokenizer_config.json: has no chat_template");
    configure("<s>", "</s>");
    addTokens("<s>", "</s>");
    assertThat(capture(store, "--strict")).isEqualTo(1);
    assertThat(err).contains("chats.jsonl:2: is refused by the chat template: no system; give");
    Files.writeString(model.resolve("chat_template.jinja"), "{% filter upper %}x{% endfilter %}");
    assertThat(capture(store)).isEqualTo(1);
    assertThat(err)
        .contains("chat_template.jinja: its chat template uses the tag filter, which is");
    assertThat(store).doesNotExist();
    Files.delete(model.resolve("chat_template.jinja"));
    Path text = Files.writeString(folder.resolve("a.txt"), "the sea");
    chats = text;
    assertThat(capture(store)).isEqualTo(1);
    assertThat(err).contains("a.txt: is plain text, which has no field 'messages'");
  }

  @Test
  void todayIsTheDayThatIsGiven() throws IOException {
    configure("<s>", "</s>");
    addTokens("<s>", "</s>");
    Files.writeString(
        model.resolve("chat_template.jinja"),
        "{{ 'the sea' if strftime_now('%d %b %Y') == '05 Jan 2026' else 'the white whale' }}");
    Path store = folder.resolve("dated");
    assertThat(capture(store)).isEqualTo(1);
    assertThat(err).contains("uses the function strftime_now without a date (--chat-date)");
    assertThat(capture(store, "--chat-date", "2026-02-30")).isEqualTo(2);
    assertThat(err).contains("--chat-date is '2026-02-30'; give a day such as 2026-01-31");
    assertThat(capture(store, "--chat-date", "0999-01-01")).isEqualTo(2);
    form = "text";
    assertThat(capture(store, "--chat-date", "2026-01-05")).isEqualTo(2);
    assertThat(err).contains("--chat-date is about conversations; give --text-as chat, too");
    form = "chat";
    assertThat(capture(store, "--chat-date", "2026-01-05")).as(err).isZero();
    Path other = folder.resolve("later");
    assertThat(capture(other, "--chat-date", "2026-01-06")).as(err).isZero();
    assertThat(tokens(store)).isNotEqualTo(tokens(other));
    assertThat(ActivationStore.open(store).manifest().properties())
        .containsEntry("chatDate", "2026-01-05");
  }

  /** Makes tokens with the numbers 0, 1 and so on special ones. */
  private void addTokens(String... tokens) throws IOException {
    Path file = model.resolve("tokenizer.json");
    ObjectMapper json = new ObjectMapper();
    ObjectNode root = (ObjectNode) json.readTree(file.toFile());
    ArrayNode added = root.putArray("added_tokens");
    for (int id = 0; id < tokens.length; id++) {
      ObjectNode token = added.addObject().put("id", id).put("content", tokens[id]);
      for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
        token.put(flag, false);
      }
      token.put("special", true);
    }
    Files.writeString(file, root.toString());
  }

  private void configure(String bos, String eos) throws IOException {
    ObjectMapper json = new ObjectMapper();
    Files.writeString(
        model.resolve("tokenizer_config.json"),
        json.createObjectNode()
            .put("bos_token", bos)
            .put("eos_token", eos)
            .put("chat_template", TEMPLATE)
            .toString());
  }

  private int capture(Path store, String... more) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "capture",
                "--model",
                model.toString(),
                "--text",
                chats.toString(),
                "--text-as",
                form,
                "--context",
                "16",
                "--out",
                store.toString()));
    words.addAll(List.of(more));
    StringWriter stderr = new StringWriter();
    int status =
        Main.run(
            new PrintWriter(new StringWriter()),
            new PrintWriter(stderr),
            words.toArray(String[]::new));
    err = stderr.toString();
    return status;
  }

  private static List<Integer> tokens(Path store) throws IOException {
    List<Integer> ids = new ArrayList<>();
    for (Shard shard : ActivationStore.open(store).shards()) {
      for (int id : shard.data(Column.TOKEN_ID).toArray(ValueLayout.JAVA_INT_UNALIGNED)) {
        ids.add(id);
      }
    }
    return ids;
  }
}
