package io.sluice.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FieldsTest {
  @TempDir Path folder;

  record Inner(String name, double[] values) {}

  record Outer(
      int count,
      long steps,
      double share,
      boolean on,
      Double maybe,
      @JsonProperty(defaultValue = "0") long later,
      List<Inner> inner) {
    Outer {
      if (count < 0) {
        throw new IllegalArgumentException("count is negative: " + count);
      }
    }
  }

  private Fields read(String json) throws IOException {
    return Fields.read(Files.writeString(folder.resolve("a.json"), json), "test/1", "restore it");
  }

  private Fields fields(String body) throws IOException {
    return read("{\"format\":\"test/1\"," + body + "}");
  }

  private void rejects(ThrowingCallable read, String... parts) {
    assertThatThrownBy(read)
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(folder.resolve("a.json").toString())
        .hasMessageContainingAll(parts)
        .hasMessageEndingWith("; restore it")
        .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
  }

  @Test
  void readsWhatIsAsItIsSaid() throws IOException {
    Fields fields =
        fields(
            "'t':'x','n':7,'r':0.5,'f':true,'o':{'k':3},'l':[{'k':1},{'k':2}],'s':['a','b'],"
                    .replace('\'', '"')
                + "\"i\":[1,2],\"d\":[0.5,1],\"nothing\":null");

    assertThat(fields.text("t")).isEqualTo("x");
    assertThat(fields.integer("n", 0, 7)).isEqualTo(7);
    assertThat(fields.whole("n", 7, Long.MAX_VALUE)).isEqualTo(7);
    assertThat(fields.real("r", 0, 1)).isEqualTo(0.5);
    assertThat(fields.flag("f")).isTrue();
    assertThat(fields.object("o").integer("k", 0, 9)).isEqualTo(3);
    assertThat(fields.objects("l").get(1).integer("k", 0, 9)).isEqualTo(2);
    assertThat(fields.texts("s")).containsExactly("a", "b");
    assertThat(fields.integers("i", 1, 2)).containsExactly(1, 2);
    assertThat(fields.reals("d", 0, 1)).containsExactly(0.5, 1);
    assertThat(fields.has("nothing")).isFalse();
    assertThat(fields.has("elsewhere")).isFalse();
    fields.requireNoOthers();
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "`\"n\":\"7\"` | 'n' is '7', not a whole number from 0 to 2147483647",
        "`\"n\":7.0` | 'n' is 7.0, not a whole number",
        "`\"n\":-1` | 'n' is -1, not a whole number from 0",
        "`\"n\":4294967303` | 'n' is 4294967303, not a whole number",
        "`\"n\":99999999999999999999` | not a whole number",
        "`\"n\":null` | 'n' is null, not a whole number",
        "`\"n\":[7]` | 'n' is [7], not a whole number",
        "`\"m\":7` | 'n' is missing",
        "`\"n\":7,\"n\":8` | the name 'n' occurs twice",
        "`\"n\":NaN` | it holds NaN, which is not a JSON number",
        "`\"n\":` | it is malformed in line 1",
        "`\"n\":7} 2 {` | something follows its end",
      })
  void namesAFieldThatIsNoWholeNumber(String body, String said) {
    rejects(() -> fields(body).integer("n", 0, Integer.MAX_VALUE), said);
  }

  @Test
  void namesTheWholePathOfAField() {
    rejects(
        () -> fields("\"a\":[{},{\"b\":{\"k\":true}}]").objects("a").get(1).object("b").text("k"),
        "'a[1].b.k' is true, not a text");
    rejects(() -> fields("\"a\":[1,\"2\"]").integers("a", 0, 9), "'a[1]' is '2'");
    rejects(() -> fields("\"a\":[1,1e999]").reals("a", 0, 9), "'a[1]' is", "a number from 0.0");
  }

  @Test
  void refusesFieldsThatNobodyKnows() {
    rejects(
        () -> {
          Fields fields = fields("\"a\":1,\"later\":2");
          fields.integer("a", 0, 9);
          fields.requireNoOthers();
        },
        "has no field 'later'");
  }

  @Test
  void refusesOtherFormatsAndWhatIsNoObject() {
    rejects(() -> read("{\"format\":\"test/2\"}"), "format is 'test/2', this version reads");
    rejects(() -> read("{\"format\":2}"), "'format' is 2, not a text");
    rejects(() -> read("{}"), "'format' is missing");
    rejects(() -> read("[]"), "is not a JSON object");
    rejects(() -> read(""), "is empty");
    rejects(() -> read("{\"format\":\"test/1\""), "it ends too early, in line 1");
    rejects(() -> read("[".repeat(100_000)), "it exceeds the limits on nesting");
    rejects(() -> Fields.read(folder.resolve("a.json"), "x", "restore it", 4), "at most 4");
  }

  @Test
  void refusesWhatIsMissingOrNoFile() {
    rejects(() -> Fields.read(folder.resolve("a.json"), "x", "restore it"), "no such file");
    rejects(
        () -> Fields.read(Files.createDirectory(folder.resolve("a.json")), "x", "restore it"),
        "is not a file");
  }

  @Test
  void readsRecordsAsJacksonWritesThem() throws IOException {
    Outer read =
        fields(
                "\"count\":1,\"steps\":5000000000,\"share\":\"NaN\",\"on\":false,"
                    + "\"inner\":[{\"name\":\"x\",\"values\":[1,2.5]}]")
            .record(Outer.class);

    assertThat(read.steps()).isEqualTo(5_000_000_000L);
    assertThat(read.share()).isNaN();
    assertThat(read.maybe()).isNull();
    assertThat(read.later()).isZero();
    assertThat(read.inner().getFirst().values()).containsExactly(1, 2.5);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "`\"steps\":2` | 'count' is missing",
        "`\"count\":1,\"steps\":2,\"share\":\"half\"` | 'share' is 'half', not a number",
        "`\"count\":1,\"steps\":2,\"share\":1,\"on\":0` | 'on' is 0, not true or false",
        "`\"count\":-1,\"steps\":2,\"share\":1,\"on\":true` | count is negative: -1",
        "`\"count\":1,\"steps\":2,\"share\":1,\"on\":true,\"inner\":[3]` | 'inner[0]' is 3, not an",
        "`\"count\":1,\"steps\":2,\"share\":1,\"on\":true,\"inner\":[{\"values\":[null]}]`"
            + " | 'inner[0].values[0]' is null",
      })
  void namesTheComponentOfARecordThatIsWrong(String body, String said) {
    rejects(() -> fields(body).record(Outer.class), said);
  }

  @Test
  void messagesAreOneShortLineWhateverTheFileHolds() {
    String strange = "\\u001b[31m\\n\\u202e" + "x".repeat(10_000);
    assertThatThrownBy(() -> fields("\"n\":\"" + strange + "\"").integer("n", 0, 1))
        .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1).hasSizeLessThan(600))
        .satisfies(
            e -> assertThat(e.getMessage()).doesNotContain("\u001b").doesNotContain("\u202e"));
  }
}
