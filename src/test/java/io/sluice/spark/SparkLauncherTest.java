package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/sluice-spark} before it starts Spark; needs none. */
@Tag("slow")
@DisabledOnOs(OS.WINDOWS)
class SparkLauncherTest {
  private static final String LAUNCHER = Path.of("bin/sluice-spark").toAbsolutePath().toString();

  @TempDir Path folder;

  @Test
  void saysWhatIsMissingInOneLine() throws Exception {
    assertThat(error("")).startsWith("sluice-spark: SPARK_HOME is not set; ");
    assertThat(error("/no/such/folder"))
        .startsWith("sluice-spark: SPARK_HOME is /no/such/folder, which has no bin/spark-submit");
    assertThat(error(spark("spark-core_2.13-4.1.2.jar"))).contains("is Spark 4.1.2, ", "needs 4.2");
    assertThat(error(spark("spark-core_2.12-4.2.0.jar"))).contains("Scala 2.12", "for 2.13");
    assertThat(error(spark("other.jar"))).contains("has no jars/spark-core_*.jar");
  }

  @Test
  void anAddressOfTheMasterIsNeeded() throws Exception {
    CommandProcess result = run(spark("spark-core_2.13-4.2.0.jar"), "spectrum", "--master");
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err().lines()).hasSize(1);
  }

  @Test
  void theDriverIsHere() throws Exception {
    String home = spark("spark-core_2.13-4.2.0.jar");
    for (String[] words :
        List.of(
            new String[] {"--deploy-mode", "cluster"},
            new String[] {"--conf", "spark.submit.deployMode=cluster"})) {
      CommandProcess result = run(home, "spectrum", "--", words[0], words[1]);
      assertThat(result.status()).isEqualTo(2);
      assertThat(result.err().lines()).as(result.err()).hasSize(1);
      assertThat(result.err())
          .startsWith("sluice-spark: --deploy-mode cluster is not supported: ")
          .contains("leave the option out");
    }
  }

  @Test
  void settingsOfYarnAreNeeded() throws Exception {
    String home = spark("spark-core_2.13-4.2.0.jar");
    Map<String, String> environment =
        new HashMap<>(Map.of("SPARK_HOME", home, "HADOOP_CONF_DIR", "", "YARN_CONF_DIR", ""));
    List<String> command = List.of(LAUNCHER, "spectrum", "--master", "yarn");
    CommandProcess none = CommandProcess.run(folder, environment, command);
    assertThat(none.status()).isEqualTo(1);
    assertThat(none.err().lines()).as(none.err()).hasSize(1);
    assertThat(none.err()).startsWith("sluice-spark: HADOOP_CONF_DIR is not set; ");

    environment.put("HADOOP_CONF_DIR", folder.toString());
    CommandProcess empty = CommandProcess.run(folder, environment, command);
    assertThat(empty.status()).isEqualTo(1);
    assertThat(empty.err()).contains(folder + ", which has no yarn-site.xml; ");

    Files.createFile(folder.resolve("yarn-site.xml"));
    CommandProcess found = CommandProcess.run(folder, environment, command);
    assertThat(found.status()).as(found.err()).isZero();
    assertThat(found.out()).contains("--master\nyarn\n");
  }

  @Test
  void explainsItselfWithoutSpark() throws Exception {
    CommandProcess result = run("", "--help");
    assertThat(result.status()).isZero();
    assertThat(result.out()).startsWith("usage: sluice-spark COMMAND");
  }

  @Test
  void handsOptionsAndJarsToSparkSubmit() throws Exception {
    String home = spark("spark-core_2.13-4.2.1.jar");
    Files.createFile(Path.of(home, "jars/arrow-vector-19.1.0.jar"));
    CommandProcess result =
        run(
            home,
            "spectrum",
            "--store",
            "a store",
            "--master",
            "local[3]",
            "--tau=0.9",
            "--",
            "--executor-memory",
            "2g",
            "--jars",
            "one.jar,two.jar");
    assertThat(result.status()).as(result.err()).isZero();
    List<String> words = result.out().lines().toList();
    assertThat(words)
        .containsSubsequence("--class", "io.sluice.spark.Main")
        .containsSubsequence("--master", "local[3]", "--executor-memory", "2g")
        .endsWith("spectrum", "--store", "a store", "--tau=0.9");
    String jars = words.get(words.indexOf("--jars") + 1);
    assertThat(words).containsOnlyOnce("--jars");
    assertThat(jars)
        .endsWith(",one.jar,two.jar")
        .contains("picocli", "arrow-c-data")
        .doesNotContain("arrow-vector", "slf4j-s");
    assertThat(words)
        .anyMatch(
            word ->
                word.startsWith("spark.executor.defaultJavaOptions=")
                    && word.contains("--add-modules=jdk.incubator.vector")
                    && word.contains("--enable-native-access=ALL-UNNAMED"));
    assertThat(words.get(words.size() - 5)).endsWith("sluice.jar");
  }

  private String error(String home) throws Exception {
    CommandProcess result = run(home, "spectrum", "--store", "store");
    assertThat(result.status()).isEqualTo(1);
    assertThat(result.err().lines()).as(result.err()).hasSize(1);
    return result.err();
  }

  private CommandProcess run(String home, String... words) throws Exception {
    List<String> command = new ArrayList<>(List.of(LAUNCHER));
    command.addAll(List.of(words));
    return CommandProcess.run(folder, Map.of("SPARK_HOME", home), command);
  }

  /** A folder that looks like an installation; its spark-submit prints its arguments. */
  private String spark(String jar) throws Exception {
    Path home = Files.createDirectories(folder.resolve(jar + " home"));
    Files.createDirectories(home.resolve("jars"));
    Files.createDirectories(home.resolve("bin"));
    Files.createFile(home.resolve("jars").resolve(jar));
    Path submit = home.resolve("bin/spark-submit");
    Files.writeString(submit, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
    Files.setPosixFilePermissions(submit, PosixFilePermissions.fromString("rwxr-xr-x"));
    return home.toString();
  }
}
