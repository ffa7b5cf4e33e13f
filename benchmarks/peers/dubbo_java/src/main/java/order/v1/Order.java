package order.v1;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

public class Order implements Serializable {
    public long orderId;
    public List<Long> userId = new ArrayList<>();
    public String remark = "";
    public List<Integer> reasonId = new ArrayList<>();
}
