package com.acme;

import java.io.Serializable;

public class Node implements Serializable {
    public String name;
    public Node next;
}
