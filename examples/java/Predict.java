import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
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
            double crop = crop(Files.readString(bundle.resolve("graft.json")));
            int size = (int) input.getShape()[1]; // [batch, size, size, 3]
            for (String file : Arrays.copyOfRange(words, 1, words.length)) {
                ByteBuffer pixels = ByteBuffer.wrap(Pixels.of(Path.of(file), size, crop));
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

    /** The crop that graft.json says: the one number needed of it, so no JSON library is used. */
    private static double crop(String metadata) {
        Matcher match = Pattern.compile("\"crop\"\\s*:\\s*([0-9.eE+-]+)").matcher(metadata);
        return match.find() ? Double.parseDouble(match.group(1)) : 0;
    }
}
