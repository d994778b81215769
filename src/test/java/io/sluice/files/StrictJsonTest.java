package io.sluice.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The reasons are for whoever wrote the file, and never the parser's advice to programmers. */
class StrictJsonTest {
  private static final JsonMapper JSON = StrictJson.mapper(StreamReadConstraints.defaults());

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {'a': NaN}       | it holds NaN, which is not a JSON number, in line 1
          {'a': 1,         | it ends too early, in line 1
          {'a' 1}          | it is malformed in line 1, column
          {'a': 1, 'a': 2} | the name 'a' occurs twice, in line 1
          {'a': 1} {}      | something follows its end, in line 1
          {'a': tru}       | it is malformed in line 1, column
          {'a': '\\t'}      | it is malformed in line 1, column
          """)
  void saysWhatIsWrong(String json, String reason) {
    assertThat(reasonOf(json.replace('\'', '"').replace("\\t", "\t"))).startsWith(reason);
  }

  @Test
  void saysWhatIsTooLarge() {
    String tooMuch = "it exceeds the limits on nesting or on the length of texts and numbers";
    assertThat(reasonOf("[".repeat(2000))).isEqualTo(tooMuch);
    assertThat(reasonOf("1".repeat(2000))).isEqualTo(tooMuch);
  }

  @Test
  void saysWhatIsNotUtf8() {
    JsonProcessingException e =
        catchThrowableOfType(
            JsonProcessingException.class,
            () -> StrictJson.text("{\"é\":1}".getBytes(StandardCharsets.ISO_8859_1)));
    assertThat(StrictJson.reason(e)).isEqualTo("it is not UTF-8");
  }

  @Test
  void namesFieldsOfTheWrongType() {
    record Inner(int b) {}
    record Outer(Inner a) {}
    JsonProcessingException e =
        catchThrowableOfType(
            JsonProcessingException.class,
            () -> JSON.treeToValue(JSON.readTree("{\"a\":{\"b\":\"x\"}}"), Outer.class));
    assertThat(StrictJson.reason(e)).isEqualTo("its field 'a.b' is missing or has a wrong value");
  }

  @Test
  void placesInALineAreCharacters() {
    JsonProcessingException e =
        catchThrowableOfType(JsonProcessingException.class, () -> JSON.readTree("{\"a\" 1}"));
    assertThat(StrictJson.reasonInLine(e)).isEqualTo("it is malformed at character 6");
    e = catchThrowableOfType(JsonProcessingException.class, () -> JSON.readTree("{\"a\":"));
    assertThat(StrictJson.reasonInLine(e)).isEqualTo("it ends too early");
  }

  private static String reasonOf(String json) {
    JsonProcessingException e =
        catchThrowableOfType(JsonProcessingException.class, () -> JSON.readTree(json));
    return StrictJson.reason(e);
  }
}
