package peers;

import com.acme.OrderService;
import com.google.protobuf.StringValue;
import demo.Greeter;
import org.apache.dubbo.common.stream.StreamObserver;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * Serves {@link OrderService} and {@link Greeter} over Triple, until standard input ends. The
 * arguments are those of {@link Provider}.
 */
public class TripleProvider implements Greeter {
    public static void main(String[] args) throws Exception {
        ApplicationConfig application = new ApplicationConfig("java-provider");
        application.setQosEnable(false);
        ProtocolConfig protocol = new ProtocolConfig("tri", Integer.parseInt(args[1]));
        protocol.setHost(args[0]);
        if (args.length > 3) {
            System.setProperty("DUBBO_IP_TO_REGISTRY", args[3]);
        }
        if (args.length > 4) {
            application.setRegisterMode(args[4]);
        }
        DubboBootstrap.getInstance()
            .application(application)
            .protocol(protocol)
            .registry(new RegistryConfig(args.length > 2 ? args[2] : "N/A"))
            .service(service(OrderService.class, new Provider()))
            .service(service(Greeter.class, new TripleProvider()))
            .start();
        System.out.println("READY");
        while (System.in.read() >= 0) {
            // Until the test closes it.
        }
        System.exit(0);
    }

    private static <T> ServiceConfig<T> service(Class<T> type, T provider) {
        ServiceConfig<T> service = new ServiceConfig<>();
        service.setInterface(type);
        service.setRef(provider);
        service.setVersion("1.0.0");
        return service;
    }

    @Override
    public StringValue greet(StringValue name) {
        return StringValue.of("hi " + name.getValue());
    }

    @Override
    public void count(StringValue upTo, StreamObserver<StringValue> numbers) {
        for (int number = 1; number <= Integer.parseInt(upTo.getValue()); number++) {
            numbers.onNext(StringValue.of(String.valueOf(number)));
        }
        numbers.onCompleted();
    }

    @Override
    public StreamObserver<StringValue> chat(StreamObserver<StringValue> answers) {
        return new StreamObserver<>() {
            @Override
            public void onNext(StringValue said) {
                answers.onNext(StringValue.of("re: " + said.getValue()));
            }

            @Override
            public void onError(Throwable error) {
                answers.onError(error);
            }

            @Override
            public void onCompleted() {
                answers.onCompleted();
            }
        };
    }
}
