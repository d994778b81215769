package io.sluice.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class DeviceTest {
  @Test
  void readsItsOwnText() {
    for (String text : new String[] {"cpu", "cuda:0", "cuda:3"}) {
      assertThat(Device.parse(text)).hasToString(text);
    }
    assertThat(Device.parse("cuda")).isEqualTo(Device.cuda(0));
    for (String text : new String[] {"", "gpu", "cuda:", "cuda:-1", "CPU", "cuda:9999"}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Device.parse(text))
          .withMessageContaining("'" + text + "'");
    }
    assertThatIllegalArgumentException().isThrownBy(() -> Device.cuda(128));
  }

  @Test
  void missingGpuIsOneClearLine() {
    Assumptions.assumeFalse(Torch.hasCuda(), "there is a GPU here");
    try (TensorScope scope = TensorScope.open()) {
      assertThatThrownBy(() -> Tensor.zeros(DType.F32, Device.cuda(0), 2))
          .isInstanceOf(TorchException.class)
          .hasMessageContaining("--device cpu");
      assertThatThrownBy(() -> Tensor.ofFloats(new float[1], 1).to(Device.cuda(0)))
          .isInstanceOf(TorchException.class);
      assertThatThrownBy(() -> Tensor.emptyPinned(DType.F32, 2)).isInstanceOf(TorchException.class);
    }
    assertThat(Torch.devices()).containsExactly(Device.CPU);
  }

  @Test
  void threadsCanBeSet() {
    int before = Torch.threads();
    Torch.threads(1);
    assertThat(Torch.threads()).isEqualTo(1);
    Torch.threads(before);
    assertThat(Torch.threads()).isEqualTo(before);
    assertThatIllegalArgumentException().isThrownBy(() -> Torch.threads(0));
  }

  @Test
  void saysWhatWasLoaded() {
    Torch.Info info = Torch.info();
    assertThat(info.version()).matches("2\\.\\d+\\.\\d+");
    assertThat(info.folder()).isDirectory();
    assertThat(info.source()).isNotBlank();
  }
}
