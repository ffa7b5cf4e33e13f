package peers;

import com.alibaba.com.caucho.hessian.io.Hessian2Input;
import com.alibaba.com.caucho.hessian.io.Hessian2Output;
import com.alibaba.com.caucho.hessian.io.SerializerFactory;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;

/** Reads a value in Hessian from each line, in hexadecimal, and writes it again. */
public class HessianEcho {
    private static final SerializerFactory FACTORY =
        new SerializerFactory(HessianEcho.class.getClassLoader());

    public static void main(String[] arguments) throws Exception {
        System.out.println("READY");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null && !line.isEmpty(); line = lines.readLine()) {
            System.out.println("ECHO " + answer(line));
        }
    }

    private static String answer(String line) {
        try {
            Hessian2Input input = new Hessian2Input(new ByteArrayInputStream(bytes(line)));
            input.setSerializerFactory(FACTORY);
            Object value = input.readObject();
            ByteArrayOutputStream written = new ByteArrayOutputStream();
            Hessian2Output output = new Hessian2Output(written);
            output.setSerializerFactory(FACTORY);
            output.writeObject(value);
            output.flush();
            return hex(written.toByteArray());
        } catch (Throwable error) {
            return "failed: " + error;
        }
    }

    private static byte[] bytes(String text) {
        byte[] made = new byte[text.length() / 2];
        for (int number = 0; number < made.length; number++) {
            made[number] = (byte) Integer.parseInt(text.substring(2 * number, 2 * number + 2), 16);
        }
        return made;
    }

    private static String hex(byte[] data) {
        StringBuilder made = new StringBuilder();
        for (byte each : data) {
            made.append(String.format("%02x", each));
        }
        return made.toString();
    }
}
