import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Classifies picture files with a graft bundle: Predict BUNDLE FILE... */
public final class Predict {
    private Predict() {}

    /** Prints the probability of every class, a picture a line. */
    public static void main(String[] words) throws Exception {
        Path bundle = Path.of(words[0]);
        List<String> classes = Files.readAllLines(bundle.resolve("labels.txt"));
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession session = environment.createSession(bundle.resolve("model.onnx").toString())) {
            TensorInfo input = (TensorInfo) session.getInputInfo().get("pixels").getInfo();
            String metadata = Files.readString(bundle.resolve("graft.json"));
            String crop = found(metadata, "\"crop\"\\s*:\\s*([0-9.eE+-]+)");
            String padding = found(metadata, "\"padding\"\\s*:\\s*\\[([0-9,\\s]+)\\]");
            int size = (int) input.getShape()[1]; // [batch, size, size, 3]
            for (String file : Arrays.copyOfRange(words, 1, words.length)) {
                ByteBuffer pixels = ByteBuffer.wrap(pixels(Path.of(file), size, crop, padding));
                long[] shape = {1, size, size, 3};
                try (OnnxTensor tensor = OnnxTensor.createTensor(environment, pixels, shape, OnnxJavaType.UINT8);
                        OrtSession.Result result = session.run(Map.of("pixels", tensor))) {
                    float[][] probabilities = (float[][]) result.get("probabilities").orElseThrow().getValue();
                    StringBuilder line = new StringBuilder(file);
                    for (int index = 0; index < classes.size(); index++) {
                        line.append('\t').append(classes.get(index)).append('=').append(probabilities[0][index]);
                    }
                    System.out.println(line);
                }
            }
        }
    }

    private static byte[] pixels(Path file, int size, String crop, String padding) throws IOException {
        return Pixels.of(
                file, size, crop == null ? 0 : Double.parseDouble(crop), padding == null ? null : Pixels.colour(padding));
    }

    /** What graft.json says, null for nothing: two values are needed of it, so no JSON library is used. */
    private static String found(String metadata, String pattern) {
        Matcher match = Pattern.compile(pattern).matcher(metadata);
        return match.find() ? match.group(1) : null;
    }
}
