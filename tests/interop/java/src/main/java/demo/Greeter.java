package demo;

import com.google.protobuf.StringValue;
import org.apache.dubbo.common.stream.StreamObserver;

/** Its messages are Protobuf's, so Triple does not wrap them. */
public interface Greeter {
    StringValue greet(StringValue name);

    void count(StringValue upTo, StreamObserver<StringValue> numbers);

    StreamObserver<StringValue> chat(StreamObserver<StringValue> answers);
}
