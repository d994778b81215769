package io.sluice.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.tokenizer.description.TokenizerException;
import java.io.IOException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The text of a token alone, as it reads within a text. */
class TokenTextTest {
  private static final String BYTE_LEVEL =
      """
      {"added_tokens": [{"id": 6, "content": "<|end|>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
       "model": {"type": "BPE", "vocab": {"whale": 0, "Ġwhale": 1, "Ċ": 2, "âĢ": 3, "Ġâ": 4, "âĢĻs": 5},
                 "merges": []},
       "decoder": {"type": "ByteLevel"}}
      """;

  private static final String LLAMA =
      """
      {"model": {"type": "BPE", "byte_fallback": true, "merges": [],
                 "vocab": {"▁whale": 0, "whale": 1, "<0x0A>": 2, "<0xE2>": 3, "�": 4, "é": 5}},
       "decoder": {"type": "Sequence", "decoders": [
          {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
          {"type": "ByteFallback"}, {"type": "Fuse"},
          {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}}
      """;

  private static final String WORD_PIECE =
      """
      {"added_tokens": [{"id": 3, "content": "[CLS]", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
       "model": {"type": "WordPiece", "unk_token": "[UNK]", "max_input_chars_per_word": 100,
                 "continuing_subword_prefix": "##",
                 "vocab": {"whale": 0, "##s": 1, ".": 2, "[CLS]": 3, "[UNK]": 4}},
       "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true}}
      """;

  private static final String WITHOUT_DECODER =
      """
      {"model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"whale": 0, "[UNK]": 1}}}
      """;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0|whale",
        "1| whale",
        "2|\n",
        "3|<0xE2><0x80>",
        "4| <0xE2>",
        "5|’s",
        "6|<|end|>",
        "7|"
      })
  void ofBytes(String row) throws IOException, TokenizerException {
    requireText(BYTE_LEVEL, row);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0| whale", "1|whale", "2|\n", "3|<0xE2>", "4|�", "5|é"})
  void ofBytesBesideCharacters(String row) throws IOException, TokenizerException {
    requireText(LLAMA, row);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0| whale", "1|s", "2|.", "3|[CLS]"})
  void ofPiecesOfWords(String row) throws IOException, TokenizerException {
    requireText(WORD_PIECE, row);
  }

  @ParameterizedTest
  @ValueSource(strings = "0| whale")
  void ofWords(String row) throws IOException, TokenizerException {
    requireText(WITHOUT_DECODER, row);
  }

  private static void requireText(String json, String row) throws IOException, TokenizerException {
    TextTokenizer tokenizer = TextTokenizer.read(new ObjectMapper().readTree(json));
    int bar = row.indexOf('|');
    assertThat(tokenizer.text(Integer.parseInt(row.substring(0, bar))))
        .isEqualTo(row.substring(bar + 1));
  }
}
