package peers;

import com.google.protobuf.StringValue;
import demo.Greeter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.common.stream.StreamObserver;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;

/** Calls {@link Greeter} over Triple at the address in its argument; one line for each check. */
public class StreamConsumer {
    public static void main(String[] args) throws Exception {
        ApplicationConfig application = new ApplicationConfig("java-consumer");
        application.setQosEnable(false);
        ReferenceConfig<Greeter> reference = new ReferenceConfig<>();
        reference.setApplication(application);
        reference.setInterface(Greeter.class);
        reference.setVersion("1.0.0");
        reference.setUrl("tri://" + args[0]);
        reference.setTimeout(30000);
        reference.setRetries(0);
        reference.setCheck(false);
        Greeter greeter = reference.get();
        print("greet", greeter.greet(StringValue.of("bob")).getValue());
        Answers counted = new Answers();
        greeter.count(StringValue.of("5"), counted);
        print("count", counted.all());
        Answers answered = new Answers();
        StreamObserver<StringValue> said = greeter.chat(answered);
        said.onNext(StringValue.of("one"));
        said.onNext(StringValue.of("two"));
        said.onCompleted();
        print("chat", answered.all());
        System.exit(0);
    }

    private static void print(String name, Object result) {
        System.out.println("CHECK\t" + name + "\t" + result);
    }

    private static class Answers implements StreamObserver<StringValue> {
        private final List<String> received = new ArrayList<>();
        private final CompletableFuture<List<String>> done = new CompletableFuture<>();

        List<String> all() throws Exception {
            return done.get(30, TimeUnit.SECONDS);
        }

        @Override
        public void onNext(StringValue answer) {
            received.add(answer.getValue());
        }

        @Override
        public void onError(Throwable error) {
            done.completeExceptionally(error);
        }

        @Override
        public void onCompleted() {
            done.complete(received);
        }
    }
}
