package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.cli.CommandProcess;
import io.sluice.store.files.ManifestFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code sluice-spark capture} of token ids, conversations and rules that leave tokens out, beside
 * {@code sluice capture}.
 */
@Tag("spark")
@Tag("model")
class ClusterTextFormsTest {
  private static final Path MODEL = Path.of("target/models/all-minilm-l6-v2").toAbsolutePath();
  private static final Path NOVEL = Path.of("datasets/moby-dick.txt").toAbsolutePath();
  private static final String TEMPLATE =
      "{% for message in messages %}{{ message.role }} : {{ message.content }} . {% endfor %}";

  @TempDir static Path folder;

  @BeforeAll
  static void requireSpark() {
    SparkCluster.home();
  }

  @Test
  void tokenIdsAndARuleGiveTheStoreOfOneMachine() throws Exception {
    StringBuilder lines = new StringBuilder();
    int id = 7;
    for (int list = 0; list < 60; list++) {
      List<String> ids = new ArrayList<>();
      for (int i = 0; i < 1 + list * 5; i++) {
        id = (id * 31 + list) % 30_000;
        ids.add(Integer.toString(i % 9 == 0 ? 2003 : id));
      }
      lines.append("{\"ids\": ").append(ids).append("}\n");
    }
    Files.writeString(folder.resolve("ids.jsonl"), lines);
    String rule = "--exclude-ids 2003,2001 --max-norm-multiple 1.5";
    requireSame("ids", MODEL, "--text ids.jsonl --text-as token-ids --text-field ids " + rule);
    assertThat(ManifestFile.read(folder.resolve("ids-many")).properties())
        .containsEntry("textAs", "token-ids")
        .containsEntry("excludedTokenIds", "2001,2003")
        .containsEntry("maxNormMultiple", "1.5");
  }

  @Test
  void conversationsGiveTheStoreOfOneMachine() throws Exception {
    Path model = Files.createDirectory(folder.resolve("chat-model"));
    try (Stream<Path> files = Files.list(MODEL)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.createSymbolicLink(model.resolve(file.getFileName()), file.toRealPath());
      }
    }
    ObjectMapper json = new ObjectMapper();
    Path settings = model.resolve("tokenizer_config.json");
    ObjectNode config =
        Files.exists(settings)
            ? (ObjectNode) json.readTree(settings.toFile())
            : json.createObjectNode();
    Files.deleteIfExists(settings);
    Files.writeString(settings, config.put("chat_template", TEMPLATE).toString());
    String novel = Files.readString(NOVEL).replaceAll("[^A-Za-z .,]", " ");
    StringBuilder chats = new StringBuilder();
    for (int chat = 0; chat < 60; chat++) {
      int at = 30_000 + chat * 500;
      chats
          .append("{\"messages\": [{\"role\": \"user\", \"content\": \"")
          .append(novel, at, at + 40 + chat)
          .append("\"}, {\"role\": \"assistant\", \"content\": \"")
          .append(novel, at + 200, at + 200 + chat * 5)
          .append("\"}]}\n");
    }
    Files.writeString(folder.resolve("chats.jsonl"), chats);
    requireSame("chats", model, "--text chats.jsonl --text-as chat");
    assertThat(ManifestFile.read(folder.resolve("chats-many")).properties())
        .containsEntry("textAs", "chat");
    try (Stream<Path> files = Files.list(model)) {
      for (Path link : files.filter(Files::isSymbolicLink).toList()) {
        Files.delete(link);
      }
    }
  }

  @Test
  void standardInputIsRefusedInOneLine() throws Exception {
    CommandProcess refused =
        SparkCluster.runLocally(folder, words("none", MODEL, "--text - --text-as chat"));
    assertThat(refused.status()).isEqualTo(2);
    assertThat(refused.err().lines())
        .singleElement()
        .asString()
        .startsWith("sluice-spark capture: --text - is standard input, which other machines");
    assertThat(folder.resolve("none")).doesNotExist();
  }

  private static void requireSame(String name, Path model, String texts)
      throws IOException, InterruptedException {
    CommandProcess single =
        CommandProcess.run(folder, new String[0], words(name + "-single", model, texts));
    assertThat(single.status()).as(single.err()).isZero();
    assertThat(ManifestFile.read(folder.resolve(name + "-single")).shards()).hasSizeGreaterThan(1);
    CommandProcess many =
        SparkCluster.runLocally(
            folder, words(name + "-many", model, texts + " --task-tokens 1000"));
    assertThat(many.status()).as(many.err()).isZero();
    ClusterTextsTest.requireSame(folder.resolve(name + "-many"), folder.resolve(name + "-single"));
  }

  private static String[] words(String out, Path model, String texts) {
    String all = "capture --hooks layers.*.* --model " + model + " " + texts + " --out " + out;
    return all.split(" ");
  }
}
