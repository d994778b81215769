package io.sluice.model.architectures;

import io.sluice.files.Quoted;
import io.sluice.model.causal.Architecture;
import io.sluice.weights.GgufFile;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The architectures of causal language models that a loader knows; immutable. */
public final class Architectures {
  private static final Architectures BUILT_IN =
      new Architectures(
          List.of(
              new Gpt2(),
              new GptNeoX(),
              new Llama(),
              new Mistral(),
              new Qwen2(),
              new Qwen3(),
              new Mixtral(),
              new Qwen2Moe(),
              new Qwen3Moe(),
              new Gemma(),
              new Gemma2(),
              new Gemma3(),
              new Gemma3Multimodal(),
              new Phi3(),
              new Olmo2(),
              new Starcoder2()));

  private final List<Architecture> all;

  private Architectures(List<Architecture> all) {
    this.all = all;
  }

  /** The built-in architectures. */
  public static Architectures builtIn() {
    return BUILT_IN;
  }

  /**
   * These architectures and one more.
   *
   * @throws IllegalArgumentException if one of these has its name, in either kind of file
   */
  public Architectures with(Architecture more) {
    if (ofLabel(more.label()) != null) {
      throw new IllegalArgumentException("there is an architecture " + more.label() + " already");
    }
    if (more.gguf() != null && ofGgufLabel(more.gguf().label()) != null) {
      throw new IllegalArgumentException(
          "there is an architecture " + more.gguf().label() + " of GGUF files already");
    }
    return new Architectures(Stream.concat(all.stream(), Stream.of(more)).toList());
  }

  /** All of them. */
  public List<Architecture> all() {
    return all;
  }

  /** The architecture that {@code model_type} in {@code config.json} names; null for none. */
  public Architecture ofLabel(String label) {
    return first(each -> each.label().equals(label));
  }

  /**
   * The architecture of a GGUF file.
   *
   * @throws IOException if the file names none, or one that is not among these
   */
  public Architecture of(GgufFile file) throws IOException {
    String label = file.metadata().text("general.architecture");
    Architecture architecture = ofGgufLabel(label);
    if (architecture == null) {
      throw new IOException(
          file.path()
              + ": architecture "
              + Quoted.of(label)
              + " is not supported in GGUF files; there are "
              + all.stream()
                  .map(Architecture::gguf)
                  .filter(Objects::nonNull)
                  .map(form -> form.label())
                  .sorted()
                  .collect(Collectors.joining(", ")));
    }
    return architecture;
  }

  private Architecture ofGgufLabel(String label) {
    return first(each -> each.gguf() != null && each.gguf().label().equals(label));
  }

  private Architecture first(Predicate<Architecture> matches) {
    return all.stream().filter(matches).findFirst().orElse(null);
  }

  /** The names in {@code config.json}, for messages. */
  public String labels() {
    return all.stream().map(Architecture::label).collect(Collectors.joining(", "));
  }
}
