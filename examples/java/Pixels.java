import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;

/**
 * From a picture file to the pixels that a graft bundle takes, with the JDK alone.
 *
 * <p>Decode; turn upright by EXIF; transparency on white; resample the whole picture to a square, bicubic with
 * antialiasing as Pillow does it; RGB bytes [size, size, 3].
 */
final class Pixels {
    private static final double A = -0.5; // the free parameter of cubic convolution, as Pillow has it

    private final byte[] data; // RGB, [height, width, 3]
    private final int width;
    private final int height;

    private Pixels(byte[] data, int width, int height) {
        this.data = data;
        this.width = width;
        this.height = height;
    }

    /** Prints the pixels of a file: java Pixels.java FILE SIZE [CROP [RED,GREEN,BLUE]]. */
    public static void main(String[] words) throws IOException {
        double crop = words.length > 2 ? Double.parseDouble(words[2]) : 0;
        System.out.write(of(Path.of(words[0]), Integer.parseInt(words[1]), crop, words.length > 3 ? colour(words[3]) : null));
        System.out.flush();
    }

    /** Pixels [size, size, 3] of a picture file that the JDK can decode: JPEG (not CMYK), PNG, GIF, BMP, TIFF. */
    static byte[] of(Path file, int size, double crop, byte[] padding) throws IOException {
        byte[] content = Files.readAllBytes(file);
        BufferedImage image = ImageIO.read(new java.io.ByteArrayInputStream(content));
        if (image == null) throw new IOException(file + ": not a picture that the JDK can decode");
        return decoded(image).upright(orientation(content)).square(size, crop, padding).data;
    }

    /** A colour such as "124, 116, 104". */
    static byte[] colour(String text) {
        byte[] levels = new byte[3];
        for (int channel = 0; channel < 3; channel++) {
            levels[channel] = (byte) Integer.parseInt(text.split(",")[channel].trim());
        }
        return levels;
    }

    private static Pixels decoded(BufferedImage image) {
        int width = image.getWidth();
        int height = image.getHeight();
        byte[] out = new byte[width * height * 3];
        ColorModel model = image.getColorModel();
        Raster raster = image.getRaster();
        // the JDK takes greys for linear light and would brighten them: read them as they are
        boolean grey = !(model instanceof IndexColorModel) && model.getNumColorComponents() == 1;
        int shift = Math.max(0, model.getComponentSize(0) - 8);
        for (int y = 0, at = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int argb = grey ? 0 : image.getRGB(x, y);
                int alpha = 255;
                if (model.hasAlpha()) alpha = grey ? raster.getSample(x, y, 1) >> shift : argb >>> 24;
                for (int channel = 16; channel >= 0; channel -= 8) {
                    int value = grey ? raster.getSample(x, y, 0) >> shift : argb >> channel & 255;
                    out[at++] = (byte) Math.round((value * alpha + 255 * (255 - alpha)) / 255.0);
                }
            }
        }
        return new Pixels(out, width, height);
    }

    /** EXIF orientation of a JPEG, 1 to 8; 1 for anything else. */
    static int orientation(byte[] content) {
        ByteBuffer file = ByteBuffer.wrap(content);
        if (content.length < 4 || file.getShort(0) != (short) 0xFFD8) return 1;
        int at = 2;
        while (at + 4 <= content.length && (content[at] & 255) == 0xFF && (content[at + 1] & 255) != 0xDA) {
            int length = file.getShort(at + 2) & 0xFFFF;
            boolean exif = (content[at + 1] & 255) == 0xE1 && length > 16 && file.getInt(at + 4) == 0x45786966;
            if (exif && at + 2 + length <= content.length) return tag(file.slice(at + 10, length - 8));
            at += 2 + length;
        }
        return 1;
    }

    private static int tag(ByteBuffer tiff) {
        tiff.order(tiff.get(0) == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        int start = tiff.getInt(4);
        if (start < 8 || start + 2 > tiff.limit()) return 1;
        int entries = tiff.getShort(start) & 0xFFFF;
        for (int entry = 0; entry < entries && start + 14 + 12 * entry <= tiff.limit(); entry++) {
            int at = start + 2 + 12 * entry;
            if (tiff.getShort(at) == 0x0112) {
                int value = tiff.getShort(at + 8);
                return value >= 1 && value <= 8 ? value : 1;
            }
        }
        return 1;
    }

    private Pixels upright(int orientation) {
        boolean swapped = orientation >= 5;
        int columns = swapped ? height : width;
        int rows = swapped ? width : height;
        byte[] out = new byte[data.length];
        for (int y = 0; y < rows; y++) {
            for (int x = 0; x < columns; x++) {
                int u = swapped ? y : x;
                int v = swapped ? x : y;
                if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) u = width - 1 - u;
                if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) v = height - 1 - v;
                System.arraycopy(data, (v * width + u) * 3, out, (y * columns + x) * 3, 3);
            }
        }
        return new Pixels(out, columns, rows);
    }

    /**
     * Cuts off the share crop of what the longer side has over the shorter, half at either end, and squeezes the rest or,
     * where there is a colour padding, gives it a border.
     */
    private Pixels square(int size, double crop, byte[] padding) {
        double left = crop * (width - Math.min(width, height)) / 2;
        double upper = crop * (height - Math.min(width, height)) / 2;
        double longer = Math.max(width - 2 * left, height - 2 * upper);
        int columns = padding == null ? size : inner(size * (width - 2 * left) / longer);
        int rows = padding == null ? size : inner(size * (height - 2 * upper) / longer);
        Pixels narrow = width == columns && left == 0 ? this : across(left, columns);
        Pixels small = height == rows && upper == 0 ? narrow : narrow.transposed().across(upper, rows).transposed();
        return columns == size && rows == size ? small : small.framed(size, padding);
    }

    private static int inner(double side) {
        return Math.max(1, (int) Math.floor(side + 0.5));
    }

    /** Puts the pixels into the middle of a square of one colour. */
    private Pixels framed(int size, byte[] colour) {
        byte[] out = new byte[size * size * 3];
        for (int at = 0; at < out.length; at++) out[at] = colour[at % 3];
        int left = (size - width) / 2;
        int upper = (size - height) / 2;
        for (int y = 0; y < height; y++) {
            System.arraycopy(data, y * width * 3, out, ((upper + y) * size + left) * 3, width * 3);
        }
        return new Pixels(out, size, size);
    }

    private Pixels transposed() {
        byte[] out = new byte[data.length];
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) System.arraycopy(data, (y * width + x) * 3, out, (x * height + y) * 3, 3);
        return new Pixels(out, height, width);
    }

    /** Resamples every row, less its ends, to some length. When shrinking, the kernel is stretched: the antialiasing. */
    private Pixels across(double cut, int size) {
        byte[] out = new byte[height * size * 3];
        double scale = (width - 2 * cut) / size;
        double stretch = Math.max(scale, 1);
        for (int index = 0; index < size; index++) {
            double centre = cut + (index + 0.5) * scale;
            int first = Math.max(0, (int) Math.floor(centre - 2 * stretch + 0.5));
            int last = Math.min(width, (int) Math.floor(centre + 2 * stretch + 0.5));
            double[] weights = new double[last - first];
            double sum = 0;
            for (int step = 0; step < weights.length; step++) {
                weights[step] = kernel((first + step - centre + 0.5) / stretch);
                sum += weights[step];
            }
            for (int y = 0; y < height; y++) {
                for (int channel = 0; channel < 3; channel++) {
                    double value = 0;
                    for (int step = 0; step < weights.length; step++) {
                        value += weights[step] / sum * (data[(y * width + first + step) * 3 + channel] & 255);
                    }
                    out[(y * size + index) * 3 + channel] = (byte) Math.max(0, Math.min(255, Math.round(value)));
                }
            }
        }
        return new Pixels(out, size, height);
    }

    private static double kernel(double x) {
        double d = Math.abs(x);
        if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
        if (d < 2) return (((d - 5) * d + 8) * d - 4) * A;
        return 0;
    }
}
