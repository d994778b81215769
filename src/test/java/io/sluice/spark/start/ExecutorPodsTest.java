package io.sluice.spark.start;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Texts are those that Kubernetes 1.34 has given. */
class ExecutorPodsTest {
  private static final String IMAGE =
      "Back-off pulling image \"registry/nope\": ErrImagePull: not found";

  private static PodBuilder pod() {
    return new PodBuilder()
        .withNewMetadata()
        .withName("exec-1")
        .endMetadata()
        .withNewStatus()
        .endStatus();
  }

  private static Optional<String> obstacle(Pod pod) {
    return ExecutorPods.obstacle(pod, Optional::empty);
  }

  @Test
  void aPodWithoutAMachineSaysWhy() {
    Pod pod =
        pod()
            .editStatus()
            .addNewCondition()
            .withType("PodScheduled")
            .withStatus("False")
            .withMessage("0/1 nodes are available:\n persistentvolumeclaim \"shared\" not found.")
            .endCondition()
            .endStatus()
            .build();
    assertThat(obstacle(pod))
        .contains(
            "pod exec-1 gets no machine: 0/1 nodes are available: persistentvolumeclaim"
                + " \"shared\" not found.");
  }

  @Test
  void anImageThatIsNotThereIsNamed() {
    assertThat(obstacle(waiting("ImagePullBackOff", IMAGE)))
        .contains("pod exec-1 waits: ImagePullBackOff: " + IMAGE);
  }

  @Test
  void aContainerOnItsWayIsNoObstacleUnlessKubernetesWarns() {
    Pod pod = waiting("ContainerCreating", null);
    assertThat(obstacle(pod)).isEmpty();
    assertThat(ExecutorPods.obstacle(pod, () -> Optional.of("FailedMount: no such volume")))
        .contains("pod exec-1 waits: FailedMount: no such volume");
    assertThat(obstacle(pod().build())).isEmpty();
  }

  @Test
  void aPodThatEndedSaysHow() {
    Pod pod =
        pod()
            .editStatus()
            .addNewContainerStatus()
            .withNewState()
            .withNewTerminated()
            .withExitCode(137)
            .withReason("OOMKilled")
            .endTerminated()
            .endState()
            .endContainerStatus()
            .endStatus()
            .build();
    assertThat(ExecutorPods.ended(pod))
        .contains("pod exec-1 has ended with exit code 137 (OOMKilled)");
    assertThat(ExecutorPods.ended(waiting("ContainerCreating", null))).isEmpty();
  }

  @Test
  void aPodThatRunsHasNotReachedTheDriver() {
    Pod pod =
        pod()
            .editStatus()
            .addNewContainerStatus()
            .withNewState()
            .withNewRunning()
            .endRunning()
            .endState()
            .endContainerStatus()
            .endStatus()
            .build();
    assertThat(obstacle(pod).orElseThrow()).contains("pod exec-1 runs", "not reached the driver");
  }

  private static Pod waiting(String reason, String message) {
    return pod()
        .editStatus()
        .addNewContainerStatus()
        .withNewState()
        .withNewWaiting()
        .withReason(reason)
        .withMessage(message)
        .endWaiting()
        .endState()
        .endContainerStatus()
        .endStatus()
        .build();
  }
}
