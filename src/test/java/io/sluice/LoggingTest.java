package io.sluice;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * The library leaves to those who embed it what they log with. A second SLF4J binding on a class
 * path ends Spring Boot at its start, so none may come along with this project.
 */
class LoggingTest {
  private static final String SERVICE = "META-INF/services/org.slf4j.spi.SLF4JServiceProvider";
  private static final Pattern BINDING =
      Pattern.compile(
          "slf4j-(simple|nop|jdk14|reload4j|log4j12|jcl)|logback-classic|log4j-slf4j.*");

  /**
   * A dependency of a Maven project.
   *
   * @param scope its scope, {@code compile} where none is said
   */
  private record Dependency(String artifact, String scope, boolean optional) {
    /** Whether those who depend on the project get this, too. */
    boolean comesAlong() {
      return !optional && (scope.equals("compile") || scope.equals("runtime"));
    }
  }

  @Test
  void noSlf4jBindingComesAlongWithTheLibrary() throws Exception {
    List<Dependency> own = dependencies(Path.of("pom.xml"));
    assertThat(own).extracting(Dependency::artifact).contains("slf4j-api", "arrow-vector");
    assertThat(own).filteredOn(Dependency::comesAlong).noneMatch(LoggingTest::isBinding);
    int poms = 0;
    for (Path jar : launcherClassPath()) {
      String file = jar.getFileName().toString();
      Path pom = pomOf(jar);
      if (Files.exists(pom)) {
        poms++;
        assertThat(dependencies(pom))
            .as(file)
            .filteredOn(Dependency::comesAlong)
            .noneMatch(LoggingTest::isBinding);
      }
    }
    assertThat(poms).as("descriptions of dependencies that were read").isPositive();
  }

  @Test
  void theCommandLineHasOneBindingOfItsOwn() throws Exception {
    List<String> bindings = new ArrayList<>();
    for (Path jar : launcherClassPath()) {
      try (JarFile opened = new JarFile(jar.toFile())) {
        if (opened.getEntry(SERVICE) != null) {
          bindings.add(jar.getFileName().toString());
        }
      }
    }
    assertThat(bindings).singleElement().asString().startsWith("slf4j-simple-");
  }

  private static boolean isBinding(Dependency dependency) {
    return BINDING.matcher(dependency.artifact()).matches();
  }

  private static List<Path> launcherClassPath() throws Exception {
    return Arrays.stream(Files.readString(Path.of("target/classpath")).strip().split(":"))
        .map(Path::of)
        .toList();
  }

  /** Where Maven's local repository keeps the description of a jar, with a classifier or not. */
  private static Path pomOf(Path jar) {
    Path version = jar.getParent();
    return version.resolve(
        version.getParent().getFileName() + "-" + version.getFileName() + ".pom");
  }

  private static List<Dependency> dependencies(Path pom) throws Exception {
    Element project =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(pom.toFile())
            .getDocumentElement();
    List<Dependency> all = new ArrayList<>();
    NodeList nodes = project.getElementsByTagName("dependency");
    for (int i = 0; i < nodes.getLength(); i++) {
      Element node = (Element) nodes.item(i);
      String above = node.getParentNode().getParentNode().getNodeName();
      if (above.equals("project") || above.equals("profile")) {
        all.add(
            new Dependency(
                text(node, "artifactId", ""),
                text(node, "scope", "compile"),
                Boolean.parseBoolean(text(node, "optional", "false"))));
      }
    }
    return all;
  }

  private static String text(Element dependency, String tag, String otherwise) {
    for (var child = dependency.getFirstChild(); child != null; child = child.getNextSibling()) {
      if (child.getNodeName().equals(tag)) {
        return child.getTextContent().strip();
      }
    }
    return otherwise;
  }
}
