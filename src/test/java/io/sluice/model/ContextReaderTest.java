package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How texts are cut into contexts, with a model that wants one token before each. */
class ContextReaderTest {
  /** Ids 3 to 12, and 3 to 5. */
  private static final List<String> TEXTS =
      List.of("the whale white sea of a . , call me", "the whale white");

  @TempDir Path folder;
  private LoadedModel model;
  private final List<Path> texts = new ArrayList<>();

  @BeforeEach
  void open() throws IOException {
    model = TinyModel.LLAMA.open();
    for (String text : TEXTS) {
      texts.add(Files.writeString(folder.resolve(texts.size() + ".txt"), text));
    }
  }

  @AfterEach
  void close() {
    if (model != null) {
      model.close();
    }
  }

  @Test
  void contextsFollowEachOther() throws IOException {
    assertThat(read(5, 0, 100))
        .containsExactly("0/0 [3, 4, 5, 6]", "0/0 [7, 8, 9, 10]", "0/0 [11, 12]", "1/0 [3, 4, 5]");
  }

  @Test
  void contextsOverlapByAllButTheStride() throws IOException {
    assertThat(read(5, 3, 100))
        .containsExactly(
            "0/0 [3, 4, 5, 6]", "0/1 [6, 7, 8, 9]", "0/1 [9, 10, 11, 12]", "1/0 [3, 4, 5]");
    assertThat(read(7, 1, 8))
        .containsExactly(
            "0/0 [3, 4, 5, 6, 7, 8]", "0/5 [4, 5, 6, 7, 8, 9]", "0/5 [5, 6, 7, 8, 9, 10]");
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 2", "5, 4, 2", "7, 4, 3", "13, 4, 3", "14, 5, 1", "9, 5, 4"})
  void eachTokenCountsOnceAndTheLimitHolds(int limit, int context, int stride) throws IOException {
    if (stride >= context) {
      return;
    }
    List<Integer> counted = new ArrayList<>();
    try (ContextReader reader = ContextReader.open(model, spec(context, stride, limit))) {
      for (Context at = reader.next(); at != null; at = reader.next()) {
        assertThat(at.fresh()).isPositive();
        Arrays.stream(at.tokens(), at.seen(), at.tokens().length).forEach(counted::add);
      }
    }
    List<Integer> all = List.of(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 3, 4, 5);
    assertThat(counted).isEqualTo(all.subList(0, Math.min(limit, all.size())));
  }

  @Test
  void batchesHaveSpecialTokensAndSayWhatCounts() throws IOException {
    try (ContextBatches batches = ContextBatches.open(model, spec(5, 3, 100))) {
      TokenBatch batch = batches.next();
      assertThat(batch.size()).isEqualTo(3);
      assertThat(batch.id(1, 0)).isZero();
      assertThat(batch.id(1, 1)).isEqualTo(6);
      assertThat(batch.from(0)).isEqualTo(1);
      assertThat(batch.from(1)).isEqualTo(2);
      assertThat(NextTokens.of(batch).ids()).containsExactly(3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
      assertThat(batches.next().size()).isEqualTo(1);
      assertThat(batches.next()).isNull();
      assertThat(batches.tokens()).isEqualTo(13);
    }
  }

  @Test
  void refusesLengthsThatDoNotFit() {
    assertThatThrownBy(() -> ContextReader.open(model, spec(65, 0, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a context of 65 tokens; tiny-llama takes at most 64");
    assertThatThrownBy(() -> ContextReader.open(model, spec(1, 0, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no room");
    assertThatThrownBy(() -> ContextReader.open(model, spec(5, 5, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a stride of 5")
        .hasMessageContaining("room for 4");
  }

  private List<String> read(int context, int stride, long limit) throws IOException {
    List<String> found = new ArrayList<>();
    try (ContextReader reader = ContextReader.open(model, spec(context, stride, limit))) {
      for (Context at = reader.next(); at != null; at = reader.next()) {
        found.add(at.document() + "/" + at.seen() + " " + Arrays.toString(at.tokens()));
      }
    }
    return found;
  }

  private ContextSpec spec(int context, int stride, long limit) {
    return new ContextSpec(texts, context, stride, 3, limit);
  }
}
