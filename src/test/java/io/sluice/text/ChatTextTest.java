package io.sluice.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.testing.Mutations;
import io.sluice.testing.Python;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Conversations as Python's json, pyarrow and datasets write them. */
@Tag("python")
@Tag("slow")
class ChatTextTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir static Path folder;
  private static final List<JsonNode> CHATS = new ArrayList<>();

  @BeforeAll
  static void write() throws IOException {
    String printed = Python.run(Python.requireDatasets(), "chat_files.py", folder);
    StringBuilder lines = new StringBuilder();
    StringBuilder items = new StringBuilder();
    for (String line : printed.lines().toList()) {
      CHATS.add(JSON.readTree(line));
      lines.append("{\"id\": 1, \"messages\": ").append(line).append("}\n");
      items.append(items.isEmpty() ? "[" : ",").append(line);
    }
    Files.writeString(folder.resolve("lines.jsonl"), lines);
    Files.writeString(folder.resolve("items.json"), items.append("]"));
  }

  @Test
  void readsConversationsOfEveryFormat() throws IOException {
    assertThat(CHATS).hasSize(1499);
    for (String name :
        List.of(
            "lines.jsonl",
            "items.json",
            "snappy.parquet",
            "zstd.parquet",
            "brotli.parquet",
            "plain.parquet",
            "v2.parquet",
            "large.parquet",
            "stream.arrow",
            "file.arrow",
            "large.arrow",
            "saved")) {
      List<String> read = read(spec(folder.resolve(name), "messages"));
      assertThat(read).as(name).hasSameSizeAs(CHATS);
      for (int i = 0; i < read.size(); i++) {
        assertThat(JSON.readTree(read.get(i))).as("%s, %s", name, i).isEqualTo(CHATS.get(i));
      }
    }
  }

  @Test
  void refusesFieldsThatAreNoTexts() {
    for (String name : List.of("wrong.parquet", "wrong.arrow")) {
      for (String column : List.of("messages", "texts", "numbers")) {
        assertThatThrownBy(() -> read(spec(folder.resolve(name), column)))
            .isInstanceOf(IOException.class)
            .hasMessageContaining(
                name
                    + ": its column '"
                    + column
                    + "' has no lists of messages whose fields are texts, but ");
      }
    }
    for (String name : List.of("twice.parquet", "twice.arrow")) {
      assertThatThrownBy(() -> read(spec(folder.resolve(name), "messages")))
          .hasMessageContaining(name + ": has two columns by the name of its column 'messages'");
    }
    assertThatThrownBy(() -> read(spec(folder.resolve("snappy.parquet"), "text")))
        .hasMessageContaining("has no lists of messages whose fields are texts, but texts");
    assertThatThrownBy(() -> read(spec(folder.resolve("stream.arrow"), "body")))
        .hasMessageContaining("has no column 'body', there are 'id', 'messages', 'text'");
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void damagedFilesGetOneLineOrAreRead() throws IOException {
    Random random = new Random(Seeds.seed());
    for (String name : List.of("v2.parquet", "stream.arrow")) {
      byte[] good = Files.readAllBytes(folder.resolve(name));
      Path file = folder.resolve("damaged-" + name);
      for (int i = 0; i < Integer.getInteger("sluice.mutations", 150); i++) {
        Files.write(
            file,
            random.nextInt(4) == 0
                ? Arrays.copyOf(good, random.nextInt(good.length))
                : Mutations.mutate(good, random));
        try {
          read(spec(file, "messages"));
        } catch (IOException e) {
          assertThat(e.getMessage()).startsWith(file.toString()).doesNotContain("\n");
        }
      }
    }
  }

  private static TextSpec spec(Path path, String field) {
    return new TextSpec(List.of(path), field, false, TextForm.CHAT);
  }

  private static List<String> read(TextSpec spec) throws IOException {
    try (TextReader reader = TextReader.open(spec)) {
      return Texts.read(reader);
    }
  }
}
