package io.sluice;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import io.sluice.memory.DType;
import io.sluice.training.SyntheticStore;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Projects that depend on Sluice as the README says, from a local repository into which Maven
 * installed it: what they get, and that they run with it.
 */
@Tag("slow")
class DependencyTest {
  /** The dependencies that the README names, in its order; models need those of training, too. */
  private static final List<String> PURPOSES = List.of("encoder", "training", "models");

  private static final long MOST_ENCODER_BYTES = 4_000_000;

  private static final String LOGBACK =
      """
      <dependency>
        <groupId>ch.qos.logback</groupId>
        <artifactId>logback-classic</artifactId>
        <version>1.5.18</version>
      </dependency>
      """;

  @TempDir private Path folder;

  private final List<Path> links = new ArrayList<>();

  /** Before JUnit removes the folder, and warns of each. */
  @AfterEach
  void removeLinks() throws IOException {
    for (Path link : links) {
      Files.delete(link);
    }
  }

  @Test
  void projectsGetWhatTheyNeedAndRun() throws Exception {
    Assumptions.assumeTrue(Files.isDirectory(Path.of("src/main/java")), "this is no source tree");
    Assumptions.assumeTrue(isOnPath("mvn"), "there is no mvn on the PATH");
    Path repository = freshRepository();
    maven(
        Path.of("").toAbsolutePath(), repository, "jar:jar", "jar:jar@encoder", "install:install");
    checkManifest(repository, "");
    checkManifest(repository, "-encoder");
    checkPackages(repository);
    writeProjects();
    maven(folder.resolve("projects"), repository, "compile", "dependency:build-classpath");

    String encoder = classPath("encoder");
    assertThat(artifacts(encoder))
        .containsExactlyInAnyOrder(
            "sluice",
            "jackson-databind",
            "jackson-core",
            "jackson-annotations",
            "slf4j-api",
            "logback-classic",
            "logback-core");
    long logback = bytes(encoder, "logback-.*");
    assertThat(bytes(encoder, ".*") - logback)
        .as("bytes of the encoder's class path")
        .isLessThan(MOST_ENCODER_BYTES);
    assertThat(artifacts(classPath("training")))
        .doesNotContain("pytorch", "openblas", "picocli", "echarts", "slf4j-simple");

    Path store = folder.resolve("activations");
    Path run = folder.resolve("run");
    SyntheticStore.write(store, 3000, DType.F32, 1);
    assertThat(run("training", "Example", store, run))
        .contains(" of " + SyntheticStore.WIDTH + " directions")
        .contains("features fire on the first token");
    assertThat(run("encoder", "Service", run))
        .as("results, and what Logback prints")
        .containsPattern("feature \\d+ fires with \\d")
        .containsPattern("DEBUG io\\.sluice\\.simd\\.KernelProvider -- kernels: ")
        .doesNotContain("SLF4J");
    if (System.getProperty("os.name").equals("Linux")
        && System.getProperty("os.arch").equals("amd64")) {
      assertThat(run("models", "Models")).contains("LibTorch 2.").contains("class path");
    }
  }

  /** What needs an optional library is in classes that nothing else links. */
  @Test
  void dictionariesKernelsAndTextsLinkWithoutTheOptionalLibraries() throws Exception {
    Path classes = Path.of("target/classes");
    Assumptions.assumeTrue(Files.isDirectory(classes), "this is no source tree");
    List<URL> path = new ArrayList<>(List.of(classes.toUri().toURL()));
    String here =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    for (String entry : here.split(File.pathSeparator)) {
      if (Path.of(entry).getFileName().toString().matches("(jackson|slf4j)-.*jar")) {
        path.add(Path.of(entry).toUri().toURL());
      }
    }
    List<String> failures = new ArrayList<>();
    int linked = 0;
    try (URLClassLoader loader =
            new URLClassLoader(path.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
        Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(file -> file.toString().endsWith(".class")).toList()) {
        String name = classes.relativize(file).toString().replace(File.separatorChar, '.');
        name = name.substring(0, name.length() - ".class".length());
        if (!name.matches("io\\.sluice\\.(dictionary|engine|files|memory|simd|text)\\..*")
            || name.matches("io\\.sluice\\.text\\.arrow\\..*|.*\\$Zstandard")) {
          continue;
        }
        linked++;
        try {
          Class.forName(name, true, loader);
        } catch (NoClassDefFoundError e) {
          failures.add(name + ": " + e.getMessage());
        }
      }
    }
    assertThat(failures).isEmpty();
    assertThat(linked).isGreaterThan(400);
  }

  private static boolean isOnPath(String program) {
    return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
        .anyMatch(place -> Files.isExecutable(Path.of(place, program)));
  }

  /** A local repository with all that Maven has here, except Sluice. */
  private Path freshRepository() throws IOException {
    String here = System.getProperty("localRepository");
    Path usual =
        here == null
            ? Path.of(System.getProperty("user.home"), ".m2", "repository")
            : Path.of(here);
    Path fresh = Files.createDirectories(folder.resolve("repository"));
    link(usual, fresh, "io");
    link(usual.resolve("io"), Files.createDirectories(fresh.resolve("io")), "sluice");
    return fresh;
  }

  private void link(Path from, Path to, String except) throws IOException {
    if (!Files.isDirectory(from)) {
      return;
    }
    try (Stream<Path> entries = Files.list(from)) {
      for (Path entry : entries.toList()) {
        if (Files.isDirectory(entry) && !entry.endsWith(except)) {
          links.add(
              Files.createSymbolicLink(to.resolve(entry.getFileName()), entry.toAbsolutePath()));
        }
      }
    }
  }

  private static JarFile jar(Path repository, String classifier) throws IOException {
    Path version = repository.resolve("io/sluice/sluice/0.1.0-SNAPSHOT");
    return new JarFile(version.resolve("sluice-0.1.0-SNAPSHOT" + classifier + ".jar").toFile());
  }

  private static void checkManifest(Path repository, String classifier) throws IOException {
    try (JarFile jar = jar(repository, classifier)) {
      Attributes attributes = jar.getManifest().getMainAttributes();
      assertThat(attributes.getValue("Automatic-Module-Name")).isEqualTo("io.sluice");
      assertThat(attributes.getValue("Implementation-Version")).isEqualTo("0.1.0-SNAPSHOT");
    }
  }

  /** Whatever package a class of the encoder's jar uses is in that jar. */
  private static void checkPackages(Path repository) throws IOException {
    Set<String> packages = new TreeSet<>();
    try (JarFile jar = jar(repository, "-encoder")) {
      jar.stream()
          .filter(entry -> entry.getName().endsWith(".class"))
          .map(entry -> entry.getName().replaceFirst("/[^/]*$", "").replace('/', '.'))
          .forEach(packages::add);
    }
    assertThat(packages).contains("io.sluice.dictionary");
    Set<String> used = new TreeSet<>();
    for (JavaClass each : new ClassFileImporter().importPath(Path.of("target/classes"))) {
      if (packages.contains(each.getPackageName())) {
        each.getDirectDependenciesFromSelf().stream()
            .map(dependency -> dependency.getTargetClass().getBaseComponentType().getPackageName())
            .filter(name -> name.startsWith("io.sluice"))
            .forEach(used::add);
      }
    }
    assertThat(packages).as("packages in the encoder's jar").containsAll(used);
  }

  /** A project for each purpose, with the dependencies and the program of the README. */
  private void writeProjects() throws IOException {
    Path readme = Path.of("README.md");
    List<String> dependencies = blocks(readme, "xml");
    assertThat(dependencies).hasSameSizeAs(PURPOSES);
    List<String> programs = blocks(readme, "java");
    StringBuilder wanted = new StringBuilder();
    for (int i = 0; i < PURPOSES.size(); i++) {
      String purpose = PURPOSES.get(i);
      if (purpose.equals("encoder")) {
        write("projects/encoder/pom.xml", pom(purpose, dependencies.get(i) + LOGBACK));
      } else {
        wanted.append(dependencies.get(i));
        write("projects/" + purpose + "/pom.xml", pom(purpose, wanted.toString()));
      }
    }
    write("projects/pom.xml", aggregator());
    write("projects/training/src/main/java/Example.java", synthetic(programs.get(0)));
    write("projects/encoder/src/main/java/Service.java", programs.get(1));
    write(
        "projects/models/src/main/java/Models.java",
        """
        import io.sluice.torch.Torch;

        public class Models {
          public static void main(String[] args) {
            System.out.println("LibTorch " + Torch.info().version() + ", " + Torch.info().source());
          }
        }
        """);
  }

  private static String synthetic(String program) {
    return program.replace("layers.3.attn_out", SyntheticStore.HOOK);
  }

  private static List<String> blocks(Path page, String language) throws IOException {
    return Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL)
        .matcher(Files.readString(page))
        .results()
        .map(block -> block.group(1))
        .toList();
  }

  private void write(String name, String text) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private static String aggregator() {
    StringBuilder modules = new StringBuilder();
    PURPOSES.forEach(purpose -> modules.append("<module>" + purpose + "</module>"));
    return project("all", "<packaging>pom</packaging><modules>" + modules + "</modules>");
  }

  private static String pom(String name, String dependencies) {
    return project(name, "<dependencies>" + dependencies + "</dependencies>");
  }

  /** A project whose plugins are those of Sluice's own build. */
  private static String project(String name, String more) {
    return """
        <project xmlns="http://maven.apache.org/POM/4.0.0">
          <modelVersion>4.0.0</modelVersion>
          <groupId>example</groupId>
          <artifactId>NAME</artifactId>
          <version>1</version>
          <properties>
            <maven.compiler.release>22</maven.compiler.release>
            <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
          </properties>
          MORE
          <build>
            <plugins>
              <plugin>
                <groupId>org.apache.maven.plugins</groupId>
                <artifactId>maven-compiler-plugin</artifactId>
                <version>3.14.1</version>
              </plugin>
              <plugin>
                <groupId>org.apache.maven.plugins</groupId>
                <artifactId>maven-dependency-plugin</artifactId>
                <version>3.9.0</version>
                <configuration>
                  <includeScope>runtime</includeScope>
                  <outputFile>${project.build.directory}/classpath</outputFile>
                </configuration>
              </plugin>
            </plugins>
          </build>
        </project>
        """
        .replace("NAME", name)
        .replace("MORE", more);
  }

  private void maven(Path project, Path repository, String... goals) throws Exception {
    List<String> command = new ArrayList<>(List.of("mvn", "--batch-mode", "--quiet"));
    command.add("-Dmaven.repo.local=" + repository);
    command.addAll(List.of(goals));
    ProcessBuilder builder = new ProcessBuilder(command).directory(project.toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    assertThat(output(builder, "mvn " + String.join(" ", goals))).doesNotContain("ERROR");
  }

  private String classPath(String purpose) throws IOException {
    return Files.readString(folder.resolve("projects/" + purpose + "/target/classpath")).strip();
  }

  private static List<String> artifacts(String classPath) {
    return Arrays.stream(classPath.split(File.pathSeparator))
        .map(entry -> Path.of(entry).getFileName().toString().replaceFirst("-\\d.*", ""))
        .toList();
  }

  private static long bytes(String classPath, String pattern) throws IOException {
    long bytes = 0;
    for (String entry : classPath.split(File.pathSeparator)) {
      if (Path.of(entry).getFileName().toString().matches(pattern)) {
        bytes += Files.size(Path.of(entry));
      }
    }
    return bytes;
  }

  /** What the program of a project prints with the JVM's options of the README. */
  private String run(String purpose, String program, Path... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--add-modules=jdk.incubator.vector");
    command.add("--enable-native-access=ALL-UNNAMED");
    if (!purpose.equals("encoder")) {
      command.add("--add-opens=java.base/java.nio=ALL-UNNAMED");
    }
    command.add("-Xmx512m");
    command.add("-cp");
    command.add(
        folder.resolve("projects/" + purpose + "/target/classes")
            + File.pathSeparator
            + classPath(purpose));
    command.add(program);
    Stream.of(arguments).map(Path::toString).forEach(command::add);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().remove("LIBTORCH");
    return output(builder, program);
  }

  /** What a process prints on both streams; it must end well. */
  private static String output(ProcessBuilder builder, String name) throws Exception {
    Process process = builder.redirectErrorStream(true).start();
    process.getOutputStream().close();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(10, TimeUnit.MINUTES)).as(name).isTrue();
    assertThat(process.exitValue()).as(name + ": " + printed).isZero();
    return printed;
  }
}
