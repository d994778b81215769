package io.sluice.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.tokenizer.description.TokenizerException;
import java.util.Arrays;
import java.util.Base64;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What cannot be computed is refused by name, and no text takes time without end. */
class RefusedTokenizerTest {
  private static final String WORDS =
      "{'model':{'type':'BPE','vocab':{'h':0,'e':1,'l':2,'o':3,' ':4,'he':5},'merges':['h e']}}";

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '"',
      value = {
        "{'type':'Precompiled','precompiled_charsmap':''}; charsmap is empty or cut off",
        "{'type':'Precompiled','precompiled_charsmap':'%%'}; charsmap is not base64",
        "{'type':'Precompiled','precompiled_charsmap':'/////w=='}; charsmap is empty or cut off",
        "{'type':'Replace','pattern':{'String':''},'content':'b'}; String is '', but must not be empty",
        "{'type':'Replace','pattern':{'Regex':''},'content':'b'}; it is empty",
        "{'type':'Replace','pattern':{'Regex':'['},'content':'b'}; a character class has no end",
        "{'type':'Replace','pattern':{'Regex':'\\\\g<1>'},'content':'b'}; g is not supported",
        "{'type':'Sequence','normalizers':[{'type':'Upper'}]}; normalizers[0] is of type 'Upper'",
        "{'type':'Prepend'}; normalizer.prepend is missing",
        "{'type':'Strip','strip_left':1,'strip_right':true}; strip_left is 1, but must be true or false",
      })
  void namesTheNormalizer(String normalizer, String reason) throws JsonProcessingException {
    assertRefused("normalizer", normalizer, reason);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '"',
      value = {
        "{'type':'FixedLength','length':0}; length is 0, but must be a whole number of at least 1",
        "{'type':'UnicodeScripts'}; pre_tokenizer is of type 'UnicodeScripts', there are Bert",
        "{'type':'Split','pattern':{'Regex':'(?:(?:a{99}){99}){99}'},'behavior':'Removed','invert':false}; ways",
        "{'type':'Split','pattern':{'Regex':'\\\\p{L}{1,3}+'},'behavior':'Removed','invert':false}; means other things",
        "{'type':'Split','pattern':{'Regex':'a'},'behavior':'Halved','invert':false}; behavior is 'Halved'",
        "{'type':'Metaspace','replacement':'ab'}; replacement is 'ab', but must be one character",
        "{'type':'Metaspace','replacement':'a','add_prefix_space':false}; prepend_scheme says otherwise",
      })
  void namesThePreTokenizer(String splitter, String reason) throws JsonProcessingException {
    assertRefused("pre_tokenizer", splitter, reason);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '"',
      value = {
        "{'type':'BPE','vocab':{'a':0,'b':1},'merges':['a b']}; merges use 'ab', which is not in",
        "{'type':'BPE','vocab':{'a':0},'merges':['a']}; merges[0] is not a pair",
        "{'type':'BPE','vocab':{'a':-1},'merges':[]}; the id '-1'",
        "{'type':'BPE','vocab':{'a':0},'merges':[],'dropout':0.1}; dropout leaves merges out at random",
        "{'type':'BPE','vocab':{'a':0,'b':1},'merges':['a b'],'continuing_subword_prefix':'##'}; without the continuing",
        "{'type':'Unigram','vocab':[['a',0]],'unk_id':1}; unk_id is 1 of 1 tokens",
        "{'type':'Unigram','vocab':[['a','b']]}; vocab[0] is not a pair",
        "{'type':'WordPiece','vocab':{}}; unk_token is missing",
        "{'type':'Sparse','vocab':{}}; model is of type 'Sparse', there are BPE",
      })
  void namesTheModel(String model, String reason) throws JsonProcessingException {
    assertRefused("model", model, reason);
  }

  @Test
  void namesAnAddedTokenThatNothingIsLeftOf() throws JsonProcessingException {
    ObjectNode root = root();
    root.set("normalizer", json("{'type':'Replace','pattern':{'String':'hell'},'content':''}"));
    root.set("added_tokens", json("[" + added("hell") + "]"));
    assertThatThrownBy(() -> TextTokenizer.read(root))
        .isInstanceOf(TokenizerException.class)
        .hasMessage("its normalizer leaves nothing of the added token 'hell'");
    root.putNull("normalizer");
    root.set("added_tokens", json("[" + added("h".repeat(100_000)) + "]"));
    assertThatThrownBy(() -> TextTokenizer.read(root))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("has 100000 characters, added tokens have 1000 at most");
  }

  @Test
  void namesWhatTheLibraryItselfLeavesToChance() throws JsonProcessingException {
    ObjectNode root = root();
    root.set("normalizer", json("{'type':'Lowercase'}"));
    root.set("added_tokens", json("[" + added("Whale") + "," + added("whale") + "]"));
    assertThatThrownBy(() -> TextTokenizer.read(root))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("'Whale' and 'whale' are the same once they are normalized");
  }

  @Test
  void aDamagedTableOfReplacementsIsNamedWhereItLeadsOut() throws Exception {
    byte[] table = new byte[4 + 4 * 4];
    table[0] = 16;
    Arrays.fill(table, 4, table.length, (byte) 0x7f);
    String charsmap = Base64.getEncoder().encodeToString(table);
    ObjectNode root = root();
    root.set(
        "normalizer", json("{'type':'Precompiled','precompiled_charsmap':'" + charsmap + "'}"));
    TextTokenizer tokenizer = TextTokenizer.read(root);
    assertThatThrownBy(() -> tokenizer.encode("hello"))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("an entry leads out of the table");
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(strings = {"(a+)+$", "(a|a)*b", "(?:a?){30}(?:a){30}", "(.*)*x", "^(a|aa)+$"})
  void aRegularExpressionThatBacktracksEndsInALine(String regex) throws Exception {
    ObjectNode root = root();
    root.set(
        "pre_tokenizer",
        json(
            "{'type':'Split','pattern':{'Regex':'%s'},'behavior':'Isolated','invert':false}"
                .formatted(regex)));
    TextTokenizer tokenizer = TextTokenizer.read(root);
    for (String text : new String[] {"a".repeat(200_000) + "!", "a".repeat(40) + "!"}) {
      try {
        tokenizer.encode(text);
      } catch (TokenizerException e) {
        assertThat(e).hasMessageContaining("takes too long on a text: it backtracks without end");
      }
    }
  }

  @Test
  void replacementsThatExpandEachOtherEndInALine() throws Exception {
    String one =
        "{'type':'Replace','pattern':{'String':'e'},'content':'%s'}".formatted("e".repeat(100));
    ObjectNode root = root();
    root.set(
        "normalizer",
        json("{'type':'Sequence','normalizers':[" + (one + ",").repeat(9) + one + "]}"));
    TextTokenizer tokenizer = TextTokenizer.read(root);
    assertThatThrownBy(() -> tokenizer.encode("hello"))
        .isInstanceOf(TokenizerException.class)
        .hasMessageMatching(
            "its normalizer\\.normalizers\\[2\\] makes more than \\d+ characters of a" + " text");
    root.set("normalizer", json("{'type':'Replace','pattern':{'Regex':'x*'},'content':'b'}"));
    assertThatThrownBy(() -> TextTokenizer.read(root).encode("hello"))
        .isInstanceOf(TokenizerException.class)
        .hasMessageContaining("pattern matches nothing between two characters");
  }

  private static void assertRefused(String part, String description, String reason)
      throws JsonProcessingException {
    ObjectNode root = root();
    root.set(part, json(description));
    assertThatThrownBy(() -> TextTokenizer.read(root))
        .isInstanceOf(TokenizerException.class)
        .hasMessageStartingWith("its ")
        .hasMessageContaining(reason)
        .message()
        .doesNotContain("\n");
  }

  private static String added(String content) {
    return ("{'id':9,'content':'%s','single_word':false,'lstrip':false,'rstrip':false,"
            + "'normalized':true,'special':true}")
        .formatted(content);
  }

  private static ObjectNode root() throws JsonProcessingException {
    return (ObjectNode) json(WORDS);
  }

  private static JsonNode json(String text) throws JsonProcessingException {
    return new ObjectMapper().readTree(text.replace('\'', '"'));
  }
}
