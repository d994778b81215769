package io.sluice;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.DType;
import io.sluice.training.SyntheticStore;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The programs in the README compile and run, and it names what they may need. {@link
 * DocumentationTest} checks all pages.
 */
@Tag("slow")
class ReadmeTest {
  @TempDir Path folder;

  @Test
  void programsCompileAndRun() throws Exception {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    Assumptions.assumeTrue(compiler != null, "this runtime has no compiler");
    Path store = folder.resolve("activations");
    Path run = folder.resolve("run");
    SyntheticStore.write(store, 3000, DType.F32, 1);
    List<String> programs =
        Pattern.compile("```java\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Path.of("README.md")))
            .results()
            .map(block -> block.group(1))
            .toList();
    assertThat(programs).hasSize(2);
    assertThat(run(compiler, "Example", programs.get(0), store.toString(), run.toString()))
        .contains(" of " + SyntheticStore.WIDTH + " directions")
        .contains("RunResult[")
        .contains("features fire on the first token");
    assertThat(run.resolve("dictionary.safetensors")).isNotEmptyFile();
    assertThat(run(compiler, "Service", programs.get(1), run.toString()))
        .containsPattern("feature \\d+ fires with \\d");
  }

  @Test
  void namesEachOptionalDependency() throws Exception {
    Path pom = Path.of("pom.xml");
    Assumptions.assumeTrue(Files.exists(pom), "this is no source tree");
    List<String> optional =
        Pattern.compile("<dependency>(.*?)</dependency>", Pattern.DOTALL)
            .matcher(Files.readString(pom))
            .results()
            .map(block -> block.group(1))
            .filter(block -> block.contains("<optional>true</optional>"))
            .map(block -> block.replaceAll("(?s).*?<artifactId>(.*?)</artifactId>.*", "$1"))
            .distinct()
            .toList();
    assertThat(optional).contains("arrow-vector", "pytorch", "zstd-jni");
    String library =
        Files.readString(Path.of("README.md")).split("\n## Library\n")[1].split("\n## ")[0];
    assertThat(optional)
        .allSatisfy(
            name -> assertThat(library).containsPattern("[:>]" + Pattern.quote(name) + "[`<]"));
  }

  /** Compiles a program of the README, runs it, and returns what it printed. */
  private String run(JavaCompiler compiler, String name, String program, String... arguments)
      throws Exception {
    assertThat(program.lines().filter(line -> !line.isBlank()).count()).isLessThan(30);
    assertThat(program.lines().filter(line -> !line.isBlank() && !line.startsWith("import")))
        .hasSizeLessThan(25);
    Path source = folder.resolve(name + ".java");
    Files.writeString(source, program.replace("layers.3.attn_out", SyntheticStore.HOOK));
    assertThat(compiler.run(null, null, null, "-d", folder.toString(), source.toString())).isZero();
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try (URLClassLoader loader = new URLClassLoader(new URL[] {folder.toUri().toURL()})) {
      loader.loadClass(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
    } finally {
      System.setOut(out);
    }
    return printed.toString(StandardCharsets.UTF_8);
  }
}
